from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.risk import risk

DAY = dt.timedelta(days=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LONDON = ZoneInfo("Europe/London")


def most_in_one(events, unit):
    return max(Counter(unit(event["event_time"]) for event in events).values(), default=0)


def known_sum(events):
    amounts = [event["amount"] for event in events if event["amount"] is not None]
    return sum(amounts) if amounts or not events else None


def identical_gaps(acts):
    seconds = [
        (later["event_time"] - earlier["event_time"]) // dt.timedelta(seconds=1) for earlier, later in pairwise(acts)
    ]
    gaps = [gap for gap in seconds if gap > 0]
    same = [before == gap for before, gap in pairwise(gaps)]
    return sum(same) / len(same) if same else None


def oracle(history, as_of):
    acts = [event for event in history if event["action"] != ACTION_CODE["exposure"]]
    bought = [event for event in history if event["action"] == ACTION_CODE["purchase"]]
    returned = [event for event in history if event["action"] == ACTION_CODE["return"]]
    recent = [event for event in history if event["event_time"] >= as_of.instant - 30 * DAY]
    coupons = defaultdict(set)
    for event in bought:
        coupons[event["order"] or ("at", event["event_time"])] |= {event["coupon"]} - {None}
    paid, back = known_sum(bought), known_sum(returned)
    units = {
        "minute": lambda time: (time - EPOCH) // dt.timedelta(minutes=1),
        "hour": lambda time: (time - EPOCH) // dt.timedelta(hours=1),
        "day": lambda time: time.astimezone(LONDON).date(),
    }
    return {
        **{f"max_events_per_{name}": most_in_one(acts, unit) for name, unit in units.items()},
        **{f"max_purchases_per_{name}": most_in_one(bought, unit) for name, unit in units.items()},
        "identical_gap_share": identical_gaps(acts),
        "coupons_30d": len({event["coupon"] for event in recent} - {None}),
        "coupons_per_order": sum(map(len, coupons.values())) / len(coupons) if coupons else None,
        "return_share_of_spend": back / paid if paid and back is not None else None,
        "devices_30d": len({event["device"] for event in recent} - {None}),
    }


def test_risk_agrees_with_plain_python(agrees, timezone):
    agrees(risk(timezone=timezone), oracle)


@pytest.fixture(scope="module")
def busy_log(random_log, as_ofs):
    """Many acts within seconds, at midnights, and in the night when clocks go forward; some events name a coupon."""

    def make(seed):
        rng, events = random.Random(seed), random_log(seed)
        starts = [as_of.instant - days * DAY for as_of in as_ofs for days in (1, 10, 29)]
        steps = [0, 1, 2, 2, 2, 3, 60, 1800, 3600, -1, -2]
        times = [
            rng.choice(starts)
            + dt.timedelta(seconds=rng.choice(steps) * rng.randint(0, 3), microseconds=rng.choice([0, 0, 1]))
            for _ in range(events.height)
        ]
        rows = {
            "event_time": times,
            "known_at": [time + rng.choice([0, 0, 0, 3]) * DAY for time in times],
            "coupon": [rng.choice([None, None, 1, 2, 3]) for _ in times],
        }
        return events.with_columns(pl.Series(name, values, dtype=events.schema[name]) for name, values in rows.items())

    return make


@pytest.mark.parametrize("seed", range(5))
def test_risk_agrees_with_plain_python_where_much_happens_at_once(
    busy_log, history_of, as_ofs, statistics, names, timezone, seed
):
    events, catalogue = busy_log(seed), compose(risk(timezone=timezone))
    rows = features_per_user(events, as_ofs=as_ofs, catalogue=catalogue, statistics=statistics, names=names)
    assert rows["max_events_per_minute"].max() > 2
    assert rows.filter(pl.col("identical_gap_share").is_between(0, 1, closed="none")).height
    for row in rows.to_dicts():
        day = row.pop("as_of_date")
        as_of = next(as_of for as_of in as_ofs if as_of.date == day)
        expected = oracle(history_of(events, row.pop("user_id"), as_of), as_of)
        assert row == {
            name: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            for name, value in expected.items()
        }


def test_a_robot_s_beat_is_all_identical(random_log, as_ofs, statistics, names, timezone):
    events = random_log(0).with_columns(
        pl.lit("robot").alias("user_id"),
        pl.lit(0, pl.Int8).alias("action"),
        *(
            (
                pl.lit(as_ofs[0].instant).cast(pl.Datetime("us", "UTC"))
                - pl.duration(seconds=7 * (1 + pl.int_range(pl.len())))
            ).alias(name)
            for name in ("event_time", "known_at")
        ),
    )
    catalogue = compose(risk(timezone=timezone))
    (row,) = features_per_user(
        events, as_ofs=as_ofs[:1], catalogue=catalogue, statistics=statistics, names=names
    ).to_dicts()
    assert row["identical_gap_share"] == 1.0
    assert row["max_events_per_minute"] == 9
    assert row["max_events_per_day"] == events.height
    assert row["max_purchases_per_day"] == 0


def test_two_users_of_one_minute_have_a_burst_each(random_log, as_ofs, statistics, names, timezone):
    moment = as_ofs[0].instant - dt.timedelta(seconds=30)
    events = random_log(0).with_columns(
        pl.lit(moment).cast(pl.Datetime("us", "UTC")).alias("event_time"),
        pl.lit(moment).cast(pl.Datetime("us", "UTC")).alias("known_at"),
        pl.lit(ACTION_CODE["purchase"], pl.Int8).alias("action"),
    )
    catalogue = compose(risk(timezone=timezone))
    rows = features_per_user(events, as_ofs=as_ofs[:1], catalogue=catalogue, statistics=statistics, names=names)
    own = Counter(events["user_id"])
    for row in rows.to_dicts():
        for what in ("events", "purchases"):
            for unit in ("minute", "hour", "day"):
                assert row[f"max_{what}_per_{unit}"] == own[row["user_id"]]
