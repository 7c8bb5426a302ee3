from __future__ import annotations

import datetime as dt
from collections import defaultdict

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.repurchase import repurchase
from userprofile.schemas.gold import PopulationStatistics

DAY = dt.timedelta(days=1)
NOTHING = PopulationStatistics.create_empty()


def cycles(history, category):
    """Mean days between orders, and the time of the last purchase, of each value with three orders or more."""
    bought = defaultdict(list)
    for event in history:
        if event["action"] == ACTION_CODE["purchase"] and event[category] is not None:
            bought[event[category]].append(event)
    for code, events in sorted(bought.items()):
        orders = {event["order"] if event["order"] is not None else event["event_time"] for event in events}
        span = (events[-1]["event_time"] - events[0]["event_time"]) / DAY
        if len(orders) >= 3 and span > 0:
            yield code, span / (len(orders) - 1), events[-1]["event_time"]


def oracle_of(level, top):
    def oracle(history, as_of):
        found = list(cycles(history, f"category_{level}"))
        days = [cycle for _, cycle, _ in found]
        scores = {code: (as_of.instant - last) / DAY / cycle for code, cycle, last in found}
        due = [code for code, score in scores.items() if 0.5 <= score <= 2]
        ranked = sorted(due, key=lambda code: (-scores[code], code))[:top]
        return {
            "repurchase_cycle_days_min": min(days) if days else None,
            "repurchase_cycle_days_mean": sum(days) / len(days) if days else None,
            "due_next": [
                {"name": f"category_{level} / {code}", "score": pytest.approx(scores[code])} for code in ranked
            ],
        }

    return oracle


@pytest.mark.parametrize(("level", "top"), [(1, 1), (2, 5)])
def test_cycles_agree_with_plain_python(agrees, level, top):
    agrees(repurchase(level=level, top=top), oracle_of(level, top))


@pytest.fixture
def bought(random_log, as_ofs, names):
    """What the family makes of purchases of category 10, so many days before as_of, in these orders."""

    def run(days, orders=None):
        one = random_log(1).head(1).with_columns(action=pl.lit(ACTION_CODE["purchase"], pl.Int8), category_2=10)
        times = [as_ofs[0].instant - day * DAY for day in days]
        many = pl.concat([one] * len(days)).with_columns(
            pl.Series("event_time", times, dtype=pl.Datetime("us", "UTC")),
            pl.Series("known_at", times, dtype=pl.Datetime("us", "UTC")),
            pl.Series("order", orders or [None] * len(days), dtype=pl.Int64),
            pl.col("category_2").cast(pl.Int32),
        )
        rows = features_per_user(
            many, as_ofs=as_ofs[:1], catalogue=compose(repurchase()), statistics=NOTHING, names=names
        )
        (row,) = rows.select("repurchase_cycle_days_mean", "due_next").rows()
        return row[0], [pair["score"] for pair in row[1]]

    return run


def test_three_orders_make_a_cycle_and_two_do_not(bought):
    assert bought([40, 20]) == (None, [])
    assert bought([60, 40, 20]) == (20.0, [1.0])


@pytest.mark.parametrize(("last", "scores"), [(9, []), (10, [0.5]), (40, [2.0]), (41, [])])
def test_due_is_from_half_a_cycle_to_two(bought, last, scores):
    assert bought([last + 40, last + 20, last]) == (20.0, scores)


def test_purchases_of_one_order_are_one(bought):
    assert bought([60, 40, 40, 20], [1, 2, 2, 3]) == (20.0, [1.0])


def test_orders_of_one_instant_have_no_cycle(bought):
    assert bought([20, 20, 20], [1, 2, 3]) == (None, [])


@pytest.mark.parametrize("wrong", [{"level": 4}, {"top": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError):
        list(repurchase(**wrong))
