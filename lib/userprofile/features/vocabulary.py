"""The words in which features are written: expressions per event, over one user's events before as_of."""

from __future__ import annotations

import polars as pl

from userprofile.columns import ACTION_CODE, Action
from userprofile.features.entries import Key
from userprofile.windows import Window

MICROSECONDS_A_DAY = 86_400_000_000

AGE_DAYS = pl.col("age_days")  # from the event to as_of, > 0
BOUGHT = pl.col("action") == ACTION_CODE[Action.PURCHASE]

# What makes purchases one order: the order's number, or the same instant where the log has none.
SAME_ORDER = "purchases of one order number, or of one instant where they have none, are one order"
ORDER = Key("order", pl.when(BOUGHT).then(pl.coalesce("order", pl.col("event_time").to_physical())))


def did(action: str) -> pl.Expr:
    """True for events of the action."""
    return pl.col("action") == ACTION_CODE[action]


def within(window: Window) -> pl.Expr:
    """True for events in the window."""
    return pl.col(f"within_{window.name}")


def distinct(key: Key, window: Window) -> pl.Expr:
    """How many values of the key have an event in the window; the feature must name the key among its `keys`."""
    return (pl.col(f"is_last_of_{key.name}") & within(window)).sum()
