"""How long ago: days since the last event of each action, and of any; since the first; and whether an order is due."""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.columns import ACTIONS, Action
from userprofile.features.entries import Feature
from userprofile.features.vocabulary import AGE_DAYS, BOUGHT, MICROSECONDS_A_DAY, ORDER, SAME_ORDER, did, distinct
from userprofile.windows import ALL_HISTORY

# The two that open a relation; tenure_days is the same of any event.
FIRSTS = (Action.VIEW, Action.PURCHASE)


def recency() -> Iterator[Feature]:
    """`days_since_<action>`, `days_since_any`, `days_since_first_<action>` of FIRSTS, `interpurchase_days_mean` and
    `overdue_ratio`."""
    for action in ACTIONS:
        yield Feature(
            f"days_since_{action}",
            family="recency",
            expr=pl.when(did(action)).then(AGE_DAYS).min(),
            dtype=dy.Float64(nullable=True),
            unit="days",
            null=f"no {action} before as_of",
            says=f"time from the last {action} to as_of",
            window=ALL_HISTORY,
        )
    yield Feature(
        "days_since_any",
        family="recency",
        expr=AGE_DAYS.min(),
        dtype=dy.Float64(nullable=False),
        unit="days",
        null="never null: a row needs an event",
        says="time from the last event of any action to as_of",
        window=ALL_HISTORY,
    )
    for action in FIRSTS:
        yield _since_first(action)
    yield _interpurchase_days()
    yield _overdue_ratio()


def _since_first(action: str) -> Feature:
    return Feature(
        f"days_since_first_{action}",
        family="recency",
        expr=pl.when(did(action)).then(AGE_DAYS).max(),
        dtype=dy.Float64(nullable=True),
        unit="days",
        null=f"no {action} before as_of",
        says=f"time from the first {action} to as_of",
        window=ALL_HISTORY,
    )


def _interpurchase_days() -> Feature:
    orders = distinct(ORDER, ALL_HISTORY)
    bought_at = pl.when(BOUGHT).then(pl.col("event_time").to_physical())
    return Feature(
        "interpurchase_days_mean",
        family="recency",
        expr=pl.when(orders >= 2).then((bought_at.max() - bought_at.min()) / (orders - 1) * (1 / MICROSECONDS_A_DAY)),
        dtype=dy.Float64(nullable=True, min=0),
        unit="days",
        null="fewer than 2 orders before as_of",
        says="mean interpurchase time, the gap to expect between orders: time from the first purchase to the last / "
        f"(orders - 1); {SAME_ORDER}",
        window=ALL_HISTORY,
        keys=(ORDER,),
    )


def _overdue_ratio() -> Feature:
    expected = pl.col("interpurchase_days_mean")
    return Feature(
        "overdue_ratio",
        family="recency",
        expr=pl.when(expected > 0).then(pl.col("days_since_purchase") / expected),
        dtype=dy.Float64(nullable=True, min=0),
        unit="ratio",
        null="interpurchase_days_mean is null or 0",
        says="days_since_purchase / interpurchase_days_mean; above 1 the next order is later than this user's gaps led "
        "to expect",
        window=ALL_HISTORY,
        per="row",
    )
