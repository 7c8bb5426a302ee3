"""What users did in a window, in Spark, against a loop over events; and that the window alone is looked at."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from userprofile.pipelines.later_outcomes import Later, bought, outcomes, purchases
from userprofile.tags.outcomes import OF_A_VALUE, OUTCOMES
from userprofile.windows import AsOf, LabelWindow

ZONE = "America/New_York"
AS_OF = AsOf.at(date(2024, 5, 1), ZONE)
WINDOW = LabelWindow(timedelta(days=1), timedelta(days=15))
START, END = WINDOW.start(AS_OF), WINDOW.end(AS_OF)
ITEMS = [("i1", ["F", "Milk"], "B"), ("i2", ["F", "Tea"], None), ("i3", ["F"], "C"), ("i4", ["G", "Pans"], "B")]
EVENT = (
    "user_id string, item_id string, action string, event_time timestamp, order_id string, amount long, discount long,"
    " coupon_id string, risk boolean"
)
USERS = {"ann": 900, "ben": 90_000, "cleo": 0, "dan": None, "eve": 0, "fay": 100}
ACTIONS = ["purchase"] * 6 + ["view", "return", "review", "complaint", "click", "service_contact"]


def drawn(seed: int) -> list[tuple[Any, ...]]:
    """Events of all but eve, from a month before the window to a week after it, some on its edges."""
    draw = random.Random(seed)
    times = [START - timedelta(days=30) + timedelta(minutes=draw.randrange(52 * 1440)) for _ in range(60)]
    times += [START, START - timedelta(microseconds=1), END, END - timedelta(microseconds=1)]
    rows = []
    for time in times:
        user, item = draw.choice([name for name in USERS if name != "eve"]), draw.choice(ITEMS)[0]
        discount = draw.choice([None, 0, 50, 300])
        coupon = draw.choice([None, None, "k"])
        order = draw.choice([None, f"o{draw.randrange(9)}"])
        amount, risk = draw.choice([None, 100, 900]), draw.choice([None, False, False, True])
        rows.append((user, item, draw.choice(ACTIONS), time, order, amount, discount, coupon, risk))
    return rows


def by_hand(rows: list[tuple[Any, ...]]) -> dict[str, dict[str, bool | None]]:
    """OUTCOMES by user, all but those about a value."""
    paths = {item: " / ".join(path[:2]) for item, path, _ in ITEMS if len(path) >= 2}
    of: dict[str, dict[str, Any]] = {}
    for user in USERS:
        mine = [row for row in rows if row[0] == user and START <= row[3] < END]
        paid = [row for row in mine if row[2] == "purchase"]
        priced = [row for row in paid if row[5] is not None and row[6] is not None]
        whole = sum(row[5] + row[6] for row in priced)
        before = {paths.get(row[1]) for row in rows if row[0] == user and row[2] == "purchase" and row[3] < START}
        of[user] = {
            "mine": mine,
            "paid": paid,
            "local": [row[3].astimezone(ZoneInfo(ZONE)) for row in paid],
            "spend": sum(row[5] for row in paid if row[5] is not None) if any(row[5] for row in paid) else None,
            "basket": len(paid) / len({row[4] or row[3] for row in paid}) if paid else None,
            "discounts": sum(row[6] for row in priced) / whole if whole else None,
            "new": {paths.get(row[1]) for row in paid} - before - {None},
        }
    middle = {
        name: median(values)
        if (values := [one[name] for one in of.values() if one["paid"] and one[name] is not None])
        else None
        for name in ("spend", "basket", "discounts")
    }
    return {user: _outcomes(one, USERS[user], middle) for user, one in of.items()}


def _outcomes(one: dict[str, Any], spend_90d: int | None, middle: dict[str, float | None]) -> dict[str, bool | None]:
    paid, local = one["paid"], one["local"]
    weeks = {(row[3] - START) // timedelta(days=7) for row in paid}

    def above(name: str) -> bool:
        return one[name] is not None and middle[name] is not None and one[name] > middle[name]

    rate = (one["spend"] or 0) / 15
    did = {row[2] for row in one["mine"]}
    return {
        "buys": bool(paid),
        "buys nothing": not paid,
        "buys within a week": 0 in weeks,
        "buys every week": {0, 1} <= weeks,
        "spends above median": above("spend"),
        "spends more than before": None if spend_90d is None else rate > spend_90d / 90,
        "spends less than before": None if spend_90d is None else rate < spend_90d / 90,
        "fills large baskets": above("basket"),
        "tries a new category": bool(one["new"]),
        "uses a coupon": any(row[7] for row in paid),
        "buys discounted": above("discounts"),
        "buys at full price": bool(paid)
        and middle["discounts"] is not None
        and (one["discounts"] or 0) < middle["discounts"],
        "buys at night": any(time.hour < 6 for time in local),
        "buys in the morning": any(5 <= time.hour < 11 for time in local),
        "buys in the evening": any(time.hour >= 18 for time in local),
        "buys at the weekend": any(time.weekday() >= 5 for time in local),
        "is a risk": any(row[8] for row in one["mine"]),
        "returns something": "return" in did,
        "complains": "complaint" in did,
        "contacts the service": "service_contact" in did,
        "reviews": "review" in did,
        "looks": "view" in did,
        "clicks": "click" in did,
    }


def told(
    spark, rows: list[tuple[Any, ...]]
) -> tuple[dict[str, dict[str, bool | None]], dict[str, set[tuple[str, str]]]]:
    events = spark.createDataFrame(rows, EVENT)
    items = spark.createDataFrame(ITEMS, "item_id string, category_path array<string>, brand string")
    later = Later(events, items, AS_OF, WINDOW, ZONE)
    paid = purchases(later)
    users = spark.createDataFrame(list(USERS.items()), "user_id string, spend_90d long")
    found = [row.asDict() for row in outcomes(users, later, paid).collect()]
    values = {
        kind: {tuple(row) for row in bought(paid, kind).collect()} for kind in ("category_1", "category_2", "brand")
    }
    return {row.pop("user_id"): row for row in found}, values


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_outcomes_are_those_of_a_loop_over_events(spark, seed):
    rows = drawn(seed)
    found, values = told(spark, rows)
    expected = by_hand(rows)
    for user, of_user in expected.items():
        assert found[user] == of_user, user
    assert set(found["ann"]) == set(OUTCOMES) - set(OF_A_VALUE)
    paid = [row for row in rows if row[2] == "purchase" and START <= row[3] < END]
    path = {item: categories for item, categories, _ in ITEMS}
    brands = {item: brand for item, _, brand in ITEMS}
    assert values["category_1"] == {(row[0], path[row[1]][0]) for row in paid}
    assert values["category_2"] == {(row[0], " / ".join(path[row[1]])) for row in paid if len(path[row[1]]) > 1}
    assert values["brand"] == {(row[0], brands[row[1]]) for row in paid if brands[row[1]]}


def test_what_lies_outside_the_window_makes_no_outcome(spark):
    """Not even an event a microsecond before its start, or at its end."""
    edges = (START - timedelta(microseconds=1), END, datetime(2024, 4, 1, tzinfo=UTC))
    outside = [
        (user, "i1", action, time, None, 100, 50, "k", True)
        for user in USERS
        for action in set(ACTIONS)
        for time in edges
    ]
    found, values = told(spark, outside)
    for user, of_user in found.items():
        true = {name for name, came in of_user.items() if came}
        assert true <= {"buys nothing", "spends less than before"}, user
    assert values == {"category_1": set(), "category_2": set(), "brand": set()}
