"""gold.item_features against slow plain Python: counts that users of many parts add up to, and what is made of them."""

from __future__ import annotations

import datetime as dt
import random

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.features.affinity import ACTION_WEIGHTS
from userprofile.features.population_counts import ITEM_ACTION_COUNT
from userprofile.pipelines.item_features import OfItems, counts_of_part
from userprofile.schemas.events import UserEvents
from userprofile.schemas.gold import ItemFeatures, PopulationStatistics
from userprofile.windows import AsOf

DAYS = [dt.date(2023, 1, 1), dt.date(2024, 3, 31), dt.date(2024, 4, 10), dt.date(2024, 6, 1)]
AS_OFS = [AsOf.at(day, "Europe/London") for day in DAYS]
WINDOWS = {"7d": 7, "30d": 30, "90d": 90, "all": 100_000}
ONE, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)
STRENGTH = 5.0
MEDIANS = {1: 250.0, 2: 0.0}  # of category_1; of the third nothing priced was bought
COUNTED = ("view", "cart", "purchase", "exposure", "click")
OFTEN = ("view", "view", "view", "cart", "cart", "purchase", "exposure")  # so that rates lie between 0 and 1
STEPS = {
    "view_to_cart": ("view", "cart"),
    "cart_to_purchase": ("cart", "purchase"),
    "exposure_to_click": ("exposure", "click"),
}


def an_event(rng, number):
    """On the very edge of a window more often than not; several users at one time with several prices."""
    edge = rng.choice(AS_OFS[1:]).instant - rng.choice([0, 7, 30, 90]) * DAY
    time = edge + (rng.choice([-1, 0, 1]) * ONE if rng.random() < 0.6 else dt.timedelta(hours=rng.randint(-2_000, 400)))
    return {
        **dict.fromkeys(UserEvents.column_names()),
        "user_id": f"user {rng.randint(1, 30)}",
        "event_time": time,
        "known_at": time + rng.choice([0, 0, 0, 1, 7 * 86_400_000_000]) * ONE,
        "event_order": number,
        "action": rng.choice([*range(len(ACTIONS)), *(ACTION_CODE[action] for action in OFTEN)]),
        "item": rng.choice([None, *range(1, 10)]),
        "price": rng.choice([None, 0, rng.randint(1, 1_000), 10**12]),
        "rating": rng.choice([None, None, 1.0, 3.5, 5.0]),
        "order": rng.choice([None, *range(1, 4)]),
    }


def log(seed, events=700):
    rng = random.Random(seed)
    schema = {name: column.dtype for name, column in UserEvents.columns().items()}
    return pl.DataFrame([an_event(rng, number) for number in range(events)], schema=schema)


ITEMS = pl.DataFrame(
    [(code, f"item {code}", code % 3 + 1) for code in range(1, 12)],
    schema={"item": pl.Int32, "item_id": pl.String, "category_1": pl.Int32},
    orient="row",
)


def statistics(events):
    """Medians as set above, and the counts of the events."""
    medians = [
        {"as_of_date": day, "statistic": name, "key": str(category), "value": value}
        for day in DAYS
        for category, value in MEDIANS.items()
        for name in ("category_1_price_median", "category_2_price_median")
    ]
    actions = [
        {"as_of_date": as_of.date, "statistic": ITEM_ACTION_COUNT, "key": ACTIONS[action], "value": float(count)}
        for as_of in AS_OFS
        for action, count in events.filter(as_of.knows())["action"].value_counts().iter_rows()
    ]
    return PopulationStatistics.validate(pl.DataFrame([*medians, *actions]))


def features(events):
    """Of users counted in ten parts."""
    of_items = events.drop_nulls("item")
    by_user = of_items.with_columns(place=pl.col("user_id").str.slice(-1)).partition_by("place", include_key=False)
    counted = pl.concat([counts_of_part(part, as_ofs=AS_OFS) for part in (of_items.head(0), *by_user)])
    return ItemFeatures.validate(OfItems(ITEMS, statistics(of_items), STRENGTH)(counted), cast=False)


def did(events, action):
    return sum(ACTIONS[event["action"]] == action for event in events)


def of_all_items(known, start, success):
    started, succeeded = did(known, start), did(known, success)
    return min(1.0, succeeded / started) if started and succeeded else None


def smoothed(events, known, start, success):
    overall = of_all_items(known, start, success)
    if overall is None:
        return None
    started = did(events, start)
    return (min(did(events, success), started) + STRENGTH * overall) / (started + STRENGTH)


def since(history, as_of, days):
    return [event for event in history if as_of.instant - event["event_time"] <= days * DAY]


def users(events, action=None):
    return len({event["user_id"] for event in events if action in (None, ACTIONS[event["action"]])})


def trend(history, as_of):
    short, long = (
        sum(ACTIONS[event["action"]] in ACTION_WEIGHTS for event in since(history, as_of, days)) for days in (30, 90)
    )
    return (short / 30) / (long / 90) if long else None


def repeat_buyer_share(history):
    orders = {}
    for event in history:
        if ACTIONS[event["action"]] == "purchase":
            orders.setdefault(event["user_id"], set()).add(event["order"] or event["event_time"])
    return sum(len(of_user) > 1 for of_user in orders.values()) / len(orders) if orders else None


def oracle(item, history, known, as_of):
    windows = {name: since(history, as_of, days) for name, days in WINDOWS.items()}
    ages = [(as_of.instant - event["event_time"]) / DAY for event in history]
    ratings = [event["rating"] for event in history if event["rating"] is not None]
    priced = [(event["event_time"], event["price"]) for event in history if event["price"] is not None]
    price, median = max(priced)[1] if priced else None, MEDIANS.get(item % 3 + 1)
    return {
        "item_id": f"item {item}",
        "as_of_date": as_of.date,
        **{f"{action}_count_{name}": did(of, action) for action in COUNTED for name, of in windows.items()},
        **{f"users_{name}": users(of) for name, of in windows.items()},
        **{f"buyers_{name}": users(of, "purchase") for name, of in windows.items()},
        "popularity_trend": trend(history, as_of),
        **{
            f"{step}_{name}": smoothed(of, known, *acts) for step, acts in STEPS.items() for name, of in windows.items()
        },
        "return_rate": smoothed(history, known, "purchase", "return"),
        "complaint_rate": smoothed(history, known, "purchase", "complaint"),
        "rating_mean": sum(ratings) / len(ratings) if ratings else None,
        "rating_count": len(ratings),
        "price": price,
        "price_to_category_median": price / median if price is not None and median else None,
        "repeat_buyer_share": repeat_buyer_share(history),
        "days_since_first_event": max(ages),
        "days_since_last_event": min(ages),
    }


def expected_rows(events):
    rows = {}
    for as_of in AS_OFS:
        known = [e for e in events.to_dicts() if e["item"] is not None and e["known_at"] < as_of.instant]
        for item in {event["item"] for event in known}:
            history = [event for event in known if event["item"] == item]
            rows[item, as_of.date] = oracle(item, history, known, as_of)
    return rows


def found_rows(table):
    return {(int(row["item_id"].split()[1]), row["as_of_date"]): row for row in table.to_dicts()}


def near(row):
    return {name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for name, value in row.items()}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_column_agrees_with_plain_python_for_all_dates_at_once(seed):
    events = log(seed)
    found, expected = found_rows(features(events)), expected_rows(events)
    assert found.keys() == expected.keys()
    assert len(found) == 3 * 9, "no rows for the date before which nothing was known"
    for key, row in expected.items():
        assert found[key] == near(row), key
    for name in ItemFeatures.column_names():
        assert len({row[name] for row in found.values()}) > 1, f"{name} is the same everywhere, so nothing was tested"


def test_an_action_that_the_log_never_has_leaves_rates_null():
    events = log(3).filter(~pl.col("action").is_in([ACTION_CODE["cart"], ACTION_CODE["return"]]))
    rows = features(events)
    empty = [name for name in rows.columns if rows[name].null_count() == rows.height]
    assert empty == [f"{step}_{window}" for step in ("view_to_cart", "cart_to_purchase") for window in WINDOWS] + [
        "return_rate"
    ]


def test_one_user_with_one_event_has_the_rates_of_all():
    events = log(4)
    one = (
        events.filter(pl.col("item") == 9)
        .head(1)
        .with_columns(
            item=pl.lit(11, pl.Int32),
            action=pl.lit(ACTION_CODE["search"], pl.Int8),
            event_time=AS_OFS[1].instant - ONE,
            known_at=AS_OFS[1].instant - ONE,
            price=None,
            rating=None,
        )
    )
    both = pl.concat([events, one.select(pl.col(name).cast(dtype) for name, dtype in events.schema.items())])
    row = found_rows(features(both))[11, DAYS[1]]
    known = [e for e in events.to_dicts() if e["item"] is not None and e["known_at"] < AS_OFS[1].instant]
    for step, actions in STEPS.items():
        assert row[f"{step}_7d"] == pytest.approx(of_all_items(known, *actions))
    nulls = ["rating_mean", "price", "price_to_category_median", "repeat_buyer_share", "popularity_trend"]
    assert [name for name, value in row.items() if value is None] == sorted(nulls, key=list(row).index)
    assert (row["users_7d"], row["buyers_all"], row["view_count_all"]) == (1, 0, 0)
