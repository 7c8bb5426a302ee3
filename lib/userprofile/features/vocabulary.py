"""The words in which features are written: expressions per event, over one user's events before as_of."""

from __future__ import annotations

import polars as pl

from userprofile.columns import ACTION_CODE, Action
from userprofile.features.entries import Helper, Key
from userprofile.windows import MICROSECONDS_A_DAY as MICROSECONDS_A_DAY
from userprofile.windows import Window

# Of several rows Polars multiplies by the reciprocal of a constant, of one row it divides: features multiply, so that
# the last bits of a user do not depend on who else is there.
AGE_DAYS = pl.col("age_days")  # from the event to as_of, > 0
DAYS_BEFORE_LAST = pl.col("days_before_last")  # from the event to the user's last known one, >= 0
BOUGHT = pl.col("action") == ACTION_CODE[Action.PURCHASE]

# What makes purchases one order: the order's number, or the same instant where the log has none.
SAME_ORDER = "purchases of one order number, or of one instant where they have none, are one order"
ORDER = Key("order", pl.when(BOUGHT).then(pl.coalesce("order", pl.col("event_time").to_physical())))

ACTED = pl.col("action") != ACTION_CODE[Action.EXPOSURE]
ACTS = "acts are events of any action but exposure"


def did(action: str) -> pl.Expr:
    """True for events of the action."""
    return pl.col("action") == ACTION_CODE[action]


def within(window: Window) -> pl.Expr:
    """True for events in the window."""
    return pl.col(f"within_{window.name}")


def distinct(key: Key, window: Window) -> pl.Expr:
    """How many values of the key have an event in the window; the feature must name the key among its `keys`."""
    return (pl.col(f"is_last_of_{key.name}") & within(window)).sum()


def local_time(timezone: str) -> Helper:
    """Microseconds of the wall clock since 1970-01-01 00:00, per event."""
    wall_clock = pl.col("event_time").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return Helper("local_time", wall_clock.to_physical(), at="call")


def at_previous_act(value: pl.Expr) -> pl.Expr:
    """The value at the user's last act before the event; null without one. Over events in order, of all users."""
    user, before = (pl.when(ACTED).then(one).forward_fill().shift() for one in (pl.col("user"), value))
    return pl.when(user == pl.col("user")).then(before)
