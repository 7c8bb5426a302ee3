from __future__ import annotations

import datetime as dt
import itertools
import math
import random
import statistics

import polars as pl
import pytest

from userprofile.columns import ACTIONS
from userprofile.features.population_counts import BuyersValues, population_counts
from userprofile.pipelines.population import statistics_of
from userprofile.schemas.events import UserEvents
from userprofile.windows import AsOf

DAYS = [dt.date(2023, 1, 1), dt.date(2024, 3, 31), dt.date(2024, 4, 10), dt.date(2024, 6, 1)]
AS_OFS = [AsOf.at(day, "Europe/London") for day in DAYS]


def a_time(rng):
    """Half of the time on the very edge of a date, and often shared with another event; nothing before the first."""
    as_of = rng.choice(AS_OFS[1:]).instant
    if rng.random() < 0.5:
        return as_of + rng.choice([-1, 0, 1]) * dt.timedelta(microseconds=1)
    return as_of + dt.timedelta(hours=rng.randint(-400, 400))


def an_event(rng, number):
    user = rng.randint(1, 25)
    time = a_time(rng)
    return {
        **dict.fromkeys(UserEvents.column_names()),
        "user_id": f"user {user}",
        "event_time": time,
        "known_at": time + rng.choice([0, 0, 1, 10**12]) * dt.timedelta(microseconds=1),
        "event_order": number,
        "action": ACTIONS.index("purchase") if user > 3 and rng.random() < 0.7 else rng.randrange(3),
        "amount": None if user == 4 else rng.choice([None, 0, rng.randint(1, 5_000)]),
        # Orders last over dates, and users share their numbers.
        "order": rng.choice([None, *range(1, 6)]),
    }


def log(seed):
    rng = random.Random(seed)
    schema = {name: column.dtype for name, column in UserEvents.columns().items()}
    return pl.DataFrame([an_event(rng, number) for number in range(400)], schema=schema)


def as_rows(frame):
    return {(row["as_of_date"], row["statistic"], row["key"]): row["value"] for row in frame}


@pytest.fixture
def counted(spark):
    """The statistics of a log whose events are read in three portions, and whose users stand in three partitions."""

    def count(events):
        portions = [events[place::3] for place in range(3)]
        counts = pl.concat([population_counts(portion, as_ofs=AS_OFS) for portion in portions])
        values = BuyersValues(AS_OFS)
        bought = events.filter(pl.col("action") == ACTIONS.index("purchase"))
        buyers = [
            values(some) for some in bought.with_columns(place=pl.col("user_id").str.slice(-1)).partition_by("place")
        ]
        empty = values.schema().create_empty()
        users = pl.concat([empty, *(rows.cast(empty.schema) for rows in buyers)])
        frames = (spark.createDataFrame(rows.to_arrow()) for rows in (counts, users))
        return statistics_of(*frames, as_ofs=AS_OFS)

    return count


def quantile(values, share):
    """Type 7 of Hyndman and Fan."""
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = math.floor(place), math.ceil(place)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def buyers_values(purchases, as_of):
    """Recency, frequency and monetary value of each buyer, by name; without those that have none."""
    values = {"rfm_recency_days": [], "rfm_frequency": [], "rfm_monetary": []}
    for user in {event["user_id"] for event in purchases}:
        bought = [event for event in purchases if event["user_id"] == user]
        orders = {event["order"] or event["event_time"] for event in bought}
        amounts = [event["amount"] for event in bought if event["amount"] is not None]
        latest = max(event["event_time"] for event in bought)
        values["rfm_recency_days"].append((as_of.instant - latest) / dt.timedelta(days=1))
        values["rfm_frequency"].append(len(orders))
        values["rfm_monetary"] += [sum(amounts)] if amounts else []
    return values


@pytest.mark.parametrize("seed", [1, 2])
def test_quantiles_agree_with_plain_python_for_all_dates_at_once(counted, seed):
    events = log(seed)
    bought = [event for event in events.to_dicts() if event["action"] == ACTIONS.index("purchase")]
    expected = {
        (as_of.date, name, str(share)): quantile(values, share)
        for as_of in AS_OFS
        for name, values in buyers_values([e for e in bought if e["known_at"] < as_of.instant], as_of).items()
        for share in (0.2, 0.4, 0.6, 0.8)
        if values
    }
    found = as_rows(counted(events).filter(pl.col("statistic").str.starts_with("rfm")).to_dicts())
    assert len(found) == 3 * 3 * 4, "no rows for the date before which nobody bought"
    assert found == pytest.approx(expected, rel=1e-12)


def test_nobody_bought_means_no_rows(counted):
    views = log(1).filter(pl.col("action") != ACTIONS.index("purchase"))
    assert set(counted(views)["statistic"]) == {"action_share"}


def test_action_shares_are_those_of_the_events_before_each_date(counted):
    events = log(3)
    found = as_rows(counted(events).filter(statistic="action_share").to_dicts())
    for as_of in AS_OFS:
        known = [ACTIONS[code] for code in events.filter(pl.col("known_at") < as_of.instant)["action"]]
        expected = {action: known.count(action) / len(known) for action in set(known)}
        assert {key: value for (day, _, key), value in found.items() if day == as_of.date} == pytest.approx(expected)


def test_price_medians_are_those_of_unit_prices_paid_before_each_date(counted):
    rng = random.Random(4)
    levels = ("category_1", "category_3")
    codes = {level: pl.Series([rng.choice([None, 1, 2]) for _ in range(400)], dtype=pl.Int32) for level in levels}
    events = log(4).with_columns(
        **codes, quantity=pl.Series([rng.choice([None, 0, 1, 4]) for _ in range(400)], dtype=pl.Int64)
    )
    found = as_rows(counted(events).filter(pl.col("statistic").str.ends_with("median")).to_dicts())
    bought = events.filter((pl.col("action") == ACTIONS.index("purchase")) & pl.col("amount").is_not_null())
    expected = {}
    for as_of, level, category in itertools.product(AS_OFS, levels, (1, 2)):
        rows = bought.filter((pl.col("known_at") < as_of.instant) & (pl.col(level) == category))
        prices = [
            r["amount"] / (1 if r["quantity"] is None else r["quantity"]) for r in rows.to_dicts() if r["quantity"] != 0
        ]
        if prices:
            expected[as_of.date, f"{level}_price_median", str(category)] = statistics.median(prices)
    assert found == pytest.approx(expected)
