from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userprofile.columns import ACTIONS
from userprofile.features.affinity import ACTION_WEIGHTS
from userprofile.features.items import READ, counts_per_item, item_counts_schema, summed

WINDOWS = {"7d": 7, "30d": 30, "90d": 90, "all": 100_000}
ONE, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)


def of_items(events):
    """As they reach the function: users are numbers, and each event has an item."""
    user = pl.col("user_id").str.extract(r"(\d+)").cast(pl.Int64)
    return events.filter(pl.col("item").is_not_null()).select(*READ, user=user)


def oracle(history, as_of):
    """Of an item's known events."""
    since = {
        name: [e for e in history if as_of.instant - e["event_time"] <= days * DAY] for name, days in WINDOWS.items()
    }
    bought = [event for event in history if ACTIONS[event["action"]] == "purchase"]
    orders = {}
    for event in bought:
        orders.setdefault(event["user"], set()).add(event["order"] or event["event_time"])
    ages = [(as_of.instant - event["event_time"]) / DAY for event in history]
    ratings = [event["rating"] for event in history if event["rating"] is not None]
    priced = [(event["event_time"], event["price"]) for event in history if event["price"] is not None]
    latest = max(priced, default=(None, None))
    counted = {
        f"{action}_count_{name}": sum(ACTIONS[event["action"]] == action for event in events)
        for action in ("view", "cart", "purchase", "exposure", "click", "return", "complaint")
        for name, events in since.items()
        if name == "all" or action not in ("return", "complaint")
    }
    return counted | {
        **{
            f"liked_{name}": sum(ACTIONS[e["action"]] in ACTION_WEIGHTS for e in since[name]) for name in ("30d", "90d")
        },
        **{f"users_{name}": len({event["user"] for event in events}) for name, events in since.items()},
        **{f"buyers_{name}": len({e["user"] for e in events if e in bought}) for name, events in since.items()},
        "repeat_buyers": sum(len(of_user) > 1 for of_user in orders.values()),
        "rating_total": round(1e6 * sum(ratings)),
        "rating_count": len(ratings),
        "days_since_first_event": pytest.approx(max(ages), rel=1e-12),
        "days_since_last_event": pytest.approx(min(ages), rel=1e-12),
        "priced_at": latest[0],
        "price": latest[1],
    }


@pytest.mark.parametrize("seed", range(5))
def test_counts_agree_with_plain_python(random_log, as_ofs, seed):
    events = of_items(random_log(seed, events=500))
    rows = {(row["item"], row["as_of_date"]): row for row in counts_per_item(events, as_ofs=as_ofs).to_dicts()}
    expected = {}
    for as_of in as_ofs:
        known = [event for event in events.to_dicts() if event["known_at"] < as_of.instant]
        for item in {event["item"] for event in known}:
            history = [event for event in known if event["item"] == item]
            expected[item, as_of.date] = {"item": item, "as_of_date": as_of.date, **oracle(history, as_of)}
    assert rows == expected
    assert len(rows) == 2 * 11
    for name in ("repeat_buyers", "rating_count", "return_count_all", "complaint_count_all", "exposure_count_90d"):
        assert sum(row[name] for row in rows.values()) > 0, name


def test_rows_are_those_of_the_declared_table(random_log, as_ofs):
    rows = counts_per_item(of_items(random_log(0)), as_ofs=as_ofs)
    item_counts_schema().validate(rows, cast=False)
    empty = item_counts_schema().create_empty()
    assert counts_per_item(of_items(random_log(0)).head(0), as_ofs=as_ofs).equals(empty)
    assert counts_per_item(of_items(random_log(0)), as_ofs=[]).equals(empty)


@settings(max_examples=15)
@given(seed=st.integers(0, 1_000), shuffle=st.integers(0, 1_000))
def test_the_order_of_rows_never_matters(random_log, as_ofs, seed, shuffle):
    events = of_items(random_log(seed))
    shuffled = events.sample(fraction=1, shuffle=True, seed=shuffle)
    assert counts_per_item(shuffled, as_ofs=as_ofs).equals(counts_per_item(events, as_ofs=as_ofs))


@pytest.mark.parametrize("clocks", [("event_time", "known_at"), ("known_at",)])
def test_what_is_known_at_the_instant_or_later_changes_nothing(random_log, as_ofs, clocks):
    as_of = as_ofs[0]
    known, others = random_log(1).filter(as_of.knows()), random_log(2).filter(pl.col("event_time") < as_of.instant)
    unknown = others.with_columns(pl.lit(as_of.instant).cast(pl.Datetime("us", "UTC")).alias(name) for name in clocks)
    seen = counts_per_item(of_items(pl.concat([known, unknown])), as_ofs=[as_of])
    assert seen.equals(counts_per_item(of_items(known), as_ofs=[as_of]))
    just_before = unknown.with_columns(pl.col(*clocks) - ONE)
    changed = counts_per_item(of_items(pl.concat([known, just_before])), as_ofs=[as_of])
    assert changed["view_count_all"].sum() > seen["view_count_all"].sum()


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_by_user_add_up(random_log, as_ofs, parts):
    events = of_items(random_log(3))
    split = [events.filter(pl.col("user") % parts == part) for part in range(parts)]
    added = (
        pl.concat([counts_per_item(part, as_ofs=as_ofs) for part in split])
        .group_by("as_of_date", "item")
        .agg(pl.col(summed()).sum(), pl.col("days_since_first_event").max(), pl.col("days_since_last_event").min())
    )
    whole = counts_per_item(events, as_ofs=as_ofs).select(added.columns)
    assert added.sort("as_of_date", "item").equals(whole.sort("as_of_date", "item"))


def test_ratings_that_are_no_numbers_do_not_count(random_log, as_ofs):
    events = of_items(random_log(4).filter(as_ofs[0].knows())).with_columns(item=pl.lit(1, pl.Int32)).head(4)
    rated = events.with_columns(rating=pl.Series([float("nan"), float("inf"), 1e300, 4.0]))
    (row,) = counts_per_item(rated, as_ofs=as_ofs[:1]).to_dicts()
    assert (row["rating_total"], row["rating_count"]) == (4_000_000, 1)
