from __future__ import annotations

import datetime as dt

import polars as pl

from userprofile.columns import ACTION_CODE
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.recency import recency

DAY = dt.timedelta(days=1)


def oracle(history, as_of):
    ages = {"days_since_any": (as_of.instant - history[-1]["event_time"]) / DAY}
    for action, code in ACTION_CODE.items():
        times = [event["event_time"] for event in history if event["action"] == code]
        ages[f"days_since_{action}"] = (as_of.instant - max(times)) / DAY if times else None
        if action in ("view", "purchase"):
            ages[f"days_since_first_{action}"] = (as_of.instant - min(times)) / DAY if times else None
    return ages | gaps(history, ages["days_since_purchase"])


def gaps(history, age):
    purchases = [event for event in history if event["action"] == ACTION_CODE["purchase"]]
    orders = {event["order"] or event["event_time"] for event in purchases}
    if len(orders) < 2:
        return {"interpurchase_days_mean": None, "overdue_ratio": None}
    times = [event["event_time"] for event in purchases]
    expected = (max(times) - min(times)) / DAY / (len(orders) - 1)
    return {"interpurchase_days_mean": expected, "overdue_ratio": age / expected if expected else None}


def test_recency_agrees_with_plain_python(agrees):
    agrees(recency(), oracle)


def test_orders_of_one_instant_have_no_gap_to_be_late_by(random_log, as_ofs, statistics, names):
    one = random_log(1).filter(pl.col("action") == ACTION_CODE["purchase"], pl.col("known_at") < as_ofs[0].instant)
    twice = pl.concat([one.head(1).with_columns(pl.lit(order, pl.Int64).alias("order")) for order in (1, 2)])
    (row,) = features_per_user(
        twice, as_ofs=as_ofs[:1], catalogue=compose(recency()), statistics=statistics, names=names
    ).to_dicts()
    assert (row["interpurchase_days_mean"], row["overdue_ratio"]) == (0.0, None)
