"""What robots and abusers do more of than people: bursts, a steady beat, coupons, returns, devices.

Signals, no verdicts. Bursts and beat are of acts: what is shown to a person says nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.columns import Action
from userprofile.features.entries import NEVER_NULL, Feature, Helper, Key
from userprofile.features.monetary import spent
from userprofile.features.vocabulary import (
    ACTED,
    ACTS,
    BOUGHT,
    MICROSECONDS_A_DAY,
    ORDER,
    SAME_ORDER,
    at_previous_act,
    did,
    distinct,
    local_time,
)
from userprofile.windows import ALL_HISTORY, Window

MONTH = Window(30)
USER, TIME = pl.col("user"), pl.col("event_time")
MICROSECONDS_A_SECOND = 1_000_000
MICROSECONDS_A_MINUTE = 60 * MICROSECONDS_A_SECOND

# Of the purchases of one order.
COUPONS = Helper("coupons_of_order", pl.col("coupon").drop_nulls().n_unique())


def risk(*, timezone: str) -> Iterator[Feature]:
    """`max_<events|purchases>_per_<minute|hour|day>`, `identical_gap_share`, `coupons_30d`, `coupons_per_order`,
    `return_share_of_spend`, `devices_30d`."""
    yield from _bursts(timezone)
    yield _identical_gap_share()
    yield _different("coupon")
    yield _coupons_per_order()
    yield _return_share_of_spend()
    yield _different("device")


def _bursts(timezone: str) -> Iterator[Feature]:
    local = local_time(timezone)
    minute = TIME.to_physical() // MICROSECONDS_A_MINUTE
    for what, counted in (("events", ACTED), ("purchases", BOUGHT)):
        of_minute, of_hour = (
            Helper(f"{what}_in_{name}_so_far", _so_far(counted, unit), at="call")
            for name, unit in (("minute", minute), ("hour", minute // 60))
        )
        of_day = Helper(f"{what}_in_day_so_far", _so_far(counted, pl.col(local.name) // MICROSECONDS_A_DAY))
        yield _burst(what, "minute", of_minute, says="clock minute")
        yield _burst(what, "hour", of_hour, says="clock hour (UTC)")
        yield _burst(what, "day", of_day, local, says=f"calendar day ({timezone})")


def _so_far(counted: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """How many of the user's events of this unit of time `counted` marks, up to each event.

    Over events of all users, in order: those of one unit stand together, and their greatest number is the count.
    """
    begins = (USER.shift() != USER) | (unit.shift() != unit)
    number = counted.cum_sum()
    before = pl.when(begins).then(number - counted.cast(pl.UInt32)).forward_fill()
    return number - before.fill_null(0)  # null in the very first unit, of which no event differs from one before


def _burst(what: str, unit: str, *helpers: Helper, says: str) -> Feature:
    counted = f"acts ({ACTS})" if what == "events" else "purchase events"
    return Feature(
        f"max_{what}_per_{unit}",
        family="risk",
        expr=pl.col(helpers[0].name).max(),
        dtype=dy.Int64(nullable=False, min=0),
        unit=f"events per {unit}",
        null=NEVER_NULL,
        says=f"most {counted} in one {says} before as_of",
        window=ALL_HISTORY,
        helpers=helpers,
    )


def _identical_gap_share() -> Feature:
    # Whole seconds; -1 where a user begins, so that no gap of another user's is taken for the one before.
    between = (TIME - at_previous_act(TIME)).dt.total_seconds().fill_null(-1)
    gap = Helper("act_gap_seconds", pl.when(ACTED).then(between), at="call")
    seconds = pl.col(gap.name)
    before = pl.when(seconds != 0).then(seconds).forward_fill().shift()
    repeats = Helper("repeats_gap", pl.when((seconds > 0) & (before > 0)).then(seconds == before))
    return Feature(
        "identical_gap_share",
        family="risk",
        expr=pl.col(repeats.name).mean(),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share",
        null="fewer than two gaps",
        says="gaps from one act to the next of as many whole seconds as the gap before / gaps with a gap before; "
        f"under a second is no gap, since the rows of one order share an instant; {ACTS}",
        window=ALL_HISTORY,
        helpers=(gap, repeats),
    )


def _different(what: str) -> Feature:
    key = Key(what, pl.col(what))
    return Feature(
        f"{what}s_{MONTH.name}",
        family="risk",
        expr=distinct(key, MONTH),
        dtype=dy.Int64(nullable=False, min=0),
        unit=f"{what}s",
        null=NEVER_NULL,
        says=f"different {what}s in events {MONTH.says}; events without one do not count",
        window=MONTH,
        keys=(key,),
    )


def _coupons_per_order() -> Feature:
    return Feature(
        "coupons_per_order",
        family="risk",
        expr=pl.col(COUPONS.name).mean(),
        dtype=dy.Float64(nullable=True, min=0),
        unit="coupons per order",
        null="never bought",
        says=f"mean, over orders before as_of, of the different coupons on an order's purchases; {SAME_ORDER}",
        window=ALL_HISTORY,
        keys=(ORDER,),
        per="values",
        by=ORDER.name,
        pairs=(COUPONS,),
    )


def _return_share_of_spend() -> Feature:
    returned, paid = spent(did(Action.RETURN)), spent(BOUGHT)
    return Feature(
        "return_share_of_spend",
        family="risk",
        expr=pl.when(paid > 0).then(returned / paid),
        dtype=dy.Float64(nullable=True, min=0),
        unit="share",
        null="no amount paid is known, all were 0, or things were returned and no amount of them is known",
        says="sum of the amounts of return events / sum of the amounts of purchase events, before as_of; above 1 where "
        "more came back than the log saw bought",
        window=ALL_HISTORY,
    )
