from __future__ import annotations

import datetime as dt
from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userprofile.columns import ACTIONS
from userprofile.errors import DataGateError, UsageError
from userprofile.features.affinity import ACTION_WEIGHTS
from userprofile.features.user_categories import user_categories_per_user
from userprofile.schemas.gold import UserCategoryFeatures

SETTINGS = {"level": 2, "floor": 2, "half_life_days": 10.0}
ONE, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)
KEY = ["user_id", "as_of_date"]


@pytest.fixture(scope="module")
def categories(as_ofs, names):
    def run(events, **changes):
        return user_categories_per_user(events, **{"as_ofs": as_ofs, "names": names, **SETTINGS, **changes})

    return run


def weight(event, as_of):
    action_weight = ACTION_WEIGHTS.get(ACTIONS[event["action"]], 0.0)
    return action_weight * 2 ** -((as_of.instant - event["event_time"]) / DAY / SETTINGS["half_life_days"])


def oracle(history, as_of, level):
    """Of one user's known events: a row for each category of at least two events."""
    of_category = defaultdict(list)
    for event in history:
        of_category[event[f"category_{level}"]].append(event)
    del of_category[None]
    total = sum(weight(event, as_of) for events in of_category.values() for event in events)
    for code, events in of_category.items():
        if len(events) < 2:
            continue
        ages = [(as_of.instant - event["event_time"]) / DAY for event in events]
        bought = [event for event in events if ACTIONS[event["action"]] == "purchase"]
        bought_ages = [(as_of.instant - event["event_time"]) / DAY for event in bought]
        orders = {event["order"] or event["event_time"] for event in bought}
        amounts = [event["amount"] for event in bought if event["amount"] is not None]
        span = max(bought_ages, default=0) - min(bought_ages, default=0)
        yield {
            "category": f"category_{level} / {code}",
            "event_count": len(events),
            "purchase_count": len(bought),
            "orders": len(orders),
            "spend": sum(amounts) if amounts or not bought else None,
            "days_since_first_event": max(ages),
            "days_since_last_event": min(ages),
            "days_since_purchase": min(bought_ages, default=None),
            "purchase_cycle_days": span / (len(orders) - 1) if len(orders) > 1 and span > 0 else None,
            "event_share": len(events) / len(history),
            "affinity": sum(weight(event, as_of) for event in events) / total if total else None,
        }


def near(row):
    return {name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for name, value in row.items()}


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_every_column_agrees_with_plain_python(categories, random_log, history_of, as_ofs, seed, level):
    events = random_log(seed)
    found = {(*(row[name] for name in KEY), row["category"]): row for row in categories(events, level=level).to_dicts()}
    expected = {
        (user_id, as_of.date, row["category"]): {"user_id": user_id, "as_of_date": as_of.date, **row}
        for user_id in events["user_id"].unique()
        for as_of in as_ofs
        for row in oracle(history_of(events, user_id, as_of), as_of, level)
    }
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key] == near(row), key
    for name in UserCategoryFeatures.column_names():
        assert len({row[name] for row in found.values()}) > 1, f"{name} is the same everywhere, so nothing was tested"
    for name in ("spend", "days_since_purchase", "purchase_cycle_days"):
        assert None in {row[name] for row in found.values()}, name


def test_rows_are_those_of_the_declared_table(categories, random_log):
    rows = categories(random_log(0))
    UserCategoryFeatures.validate(rows, cast=False)
    by_code = pl.col("category").str.extract(r"(\d+)$").cast(pl.Int32)
    assert rows.equals(rows.sort(*KEY, by_code))


def test_the_floor_leaves_out_rows_and_changes_none(categories, random_log):
    everything, some = (categories(random_log(1), floor=floor) for floor in (1, 4))
    assert some.equals(everything.filter(pl.col("event_count") >= 4))
    assert 0 < some.height < everything.height
    totals = everything.group_by(KEY).agg(pl.col("affinity").sum())["affinity"]
    assert totals.to_list() == pytest.approx([1.0] * totals.len()), "affinities are shares of all categories"


@settings(max_examples=15)
@given(seed=st.integers(0, 1_000), shuffle=st.integers(0, 1_000))
def test_the_order_of_rows_never_matters(categories, random_log, seed, shuffle):
    events = random_log(seed)
    assert categories(events.sample(fraction=1, shuffle=True, seed=shuffle)).equals(categories(events))


@pytest.mark.parametrize("clocks", [("event_time", "known_at"), ("known_at",)])
def test_what_is_known_at_the_instant_or_later_changes_no_bit(categories, random_log, as_ofs, clocks):
    as_of = as_ofs[0]
    known, others = random_log(1).filter(as_of.knows()), random_log(2).filter(pl.col("event_time") < as_of.instant)
    unknown = others.with_columns(pl.lit(as_of.instant).cast(pl.Datetime("us", "UTC")).alias(name) for name in clocks)
    seen = categories(pl.concat([known, unknown]), as_ofs=[as_of])
    assert seen.equals(categories(known, as_ofs=[as_of]))
    just_before = unknown.with_columns(pl.col(*clocks) - ONE)
    changed = categories(pl.concat([known, just_before]), as_ofs=[as_of])
    assert changed["event_count"].sum() > seen["event_count"].sum()


def test_twins_in_a_crowd_have_the_same_bits(categories, random_log):
    twins = [
        random_log(8).with_columns(pl.col("user_id").str.replace("user", f"user of copy {copy:03}"))
        for copy in range(200)
    ]
    rows = categories(pl.concat(twins)).with_columns(pl.col("user_id").str.tail(1))
    alone = categories(random_log(8)).with_columns(pl.col("user_id").str.tail(1))
    everyone = pl.concat([alone] * len(twins)).sort("user_id", maintain_order=True)
    assert rows.sort("user_id", maintain_order=True).sort(*KEY, "category").equals(everyone.sort(*KEY, "category"))


@pytest.mark.parametrize("events", [300, 15])
@pytest.mark.parametrize("seed", range(5))
def test_a_user_alone_has_the_same_bits_as_among_others(categories, random_log, as_ofs, seed, events):
    """Even one with a single event."""
    events = random_log(seed, events=events)
    alone = [
        categories(events.filter(pl.col("user_id") == user_id), as_ofs=[as_of], floor=1)
        for user_id in events["user_id"].unique().sort()
        for as_of in as_ofs
    ]
    assert categories(events, floor=1).equals(pl.concat(alone))


def test_orders_of_one_instant_have_no_cycle(categories, random_log, as_ofs):
    known = random_log(0).filter(as_ofs[0].knows(), pl.col("category_2").is_not_null()).head(1)
    bought = known.with_columns(action=pl.lit(ACTIONS.index("purchase"), pl.Int8))
    orders = pl.concat([bought.with_columns(order=pl.lit(order, pl.Int64)) for order in (1, 2, 2)])
    (row,) = categories(orders, as_ofs=as_ofs[:1]).to_dicts()
    assert (row["purchase_count"], row["orders"], row["purchase_cycle_days"]) == (3, 2, None)


def test_no_events_are_no_rows(categories, random_log):
    empty = UserCategoryFeatures.create_empty()
    assert categories(random_log(0).head(0)).equals(empty)
    assert categories(random_log(0), as_ofs=[]).equals(empty)
    assert categories(random_log(0), level=3).equals(empty), "the log has no category of that level"


def test_a_category_without_a_word_is_refused(categories, random_log, names):
    with pytest.raises(DataGateError, match="codes of category_2 have no word"):
        categories(random_log(1), names=names.filter(pl.col("kind").cast(pl.String) != "category_2"))


@pytest.mark.parametrize("wrong", [{"level": 0}, {"level": 4}, {"floor": 0}, {"half_life_days": 0.0}])
def test_impossible_settings_are_refused(categories, random_log, wrong):
    with pytest.raises(UsageError):
        categories(random_log(1), **wrong)
