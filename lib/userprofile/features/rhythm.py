"""When in the day and the week, how regularly, and whether it grows or fades. Of acts: what a person does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import dataframely as dy
import polars as pl

from userprofile.features.entries import Feature, Helper
from userprofile.features.vocabulary import ACTED, ACTS, AGE_DAYS, MICROSECONDS_A_DAY, at_previous_act, local_time
from userprofile.windows import ALL_HISTORY, Window

CIRCULAR = "N. I. Fisher, Statistical Analysis of Circular Data (1993), section 2.3"
NO_ACT = "no act before as_of"
NIGHT_HOURS = 6  # from midnight
MICROSECONDS_AN_HOUR = MICROSECONDS_A_DAY // 24

# Below it the acts balance each other, and what is left of a direction, or of a mean, is rounding.
NO_DIRECTION = 1e-9

LOCAL_TIME = pl.col("local_time")  # since a Thursday
LOCAL_DAY = LOCAL_TIME // MICROSECONDS_A_DAY
SINCE_MIDNIGHT = LOCAL_TIME % MICROSECONDS_A_DAY
WEEKDAY = (LOCAL_DAY + 3) % 7  # Monday is 0


def rhythm(windows: Sequence[Window], *, timezone: str) -> Iterator[Feature]:
    """`active_gap_days_<mean|sd|longest>`, `hour_of_day_<mean|strength>`, `weekday_<mean|strength>`, `night_share`, and
    `events_trend_<short>_<long>` of each finite window and the next longer one. Days and hours are of the time zone."""
    local = local_time(timezone)
    yield from _active_gaps(local, timezone)
    hour, weekday = SINCE_MIDNIGHT / MICROSECONDS_AN_HOUR, WEEKDAY
    yield from _circular("hour_of_day", hour, period=24, unit=f"hours since midnight ({timezone})", local=local)
    yield from _circular("weekday", weekday, period=7, unit=f"days since Monday ({timezone})", local=local)
    yield _night_share(local, timezone)
    for short, long in pairwise(sorted({window.days for window in windows if window.days is not None})):
        yield _trend(short, long)


def _active_gaps(local: Helper, timezone: str) -> Iterator[Feature]:
    step = LOCAL_DAY - at_previous_act(LOCAL_DAY)
    gap = Helper("active_gap_days", pl.when(ACTED & (step > 0)).then(step))
    days = pl.col(gap.name)
    gaps = f"days from each calendar day ({timezone}) with an act to the next one with an act; {ACTS}"
    for name, expr, least, says in (
        ("mean", days.mean(), 2, "mean"),
        ("sd", days.std(), 3, "standard deviation (n - 1)"),
        ("longest", days.max(), 2, "longest"),
    ):
        yield Feature(
            f"active_gap_days_{name}",
            family="activity",
            expr=expr,
            dtype=(dy.Int64 if name == "longest" else dy.Float64)(nullable=True, min=0),
            unit="days",
            null=f"acts on fewer than {least} days",
            says=f"{says} of the {gaps}",
            window=ALL_HISTORY,
            helpers=(local, gap),
        )


def _circular(name: str, point: pl.Expr, *, period: int, unit: str, local: Helper) -> Iterator[Feature]:
    angle = pl.when(ACTED).then(point * (2 * math.pi / period))
    cosine, sine = Helper(f"{name}_cosine", angle.cos()), Helper(f"{name}_sine", angle.sin())
    c, s = pl.col(cosine.name).mean(), pl.col(sine.name).mean()
    strength = (c.pow(2) + s.pow(2)).sqrt()
    mean = pl.arctan2(s, c) * (period / (2 * math.pi))
    # Rounding alone would say on which side of where the circle begins a mean of 0 lies.
    mean = pl.when(mean.abs() > NO_DIRECTION).then(mean).otherwise(0.0)
    yield Feature(
        f"{name}_mean",
        family="activity",
        expr=pl.when(strength > NO_DIRECTION).then((mean + period) % period),
        dtype=dy.Float64(nullable=True, min=0, max_exclusive=period),
        unit=unit,
        null=f"{NO_ACT}, or they balance each other around the circle",
        says=f"circular mean of the acts: direction of their mean unit vector on a circle of {period} {unit}; {ACTS}",
        source=CIRCULAR,
        window=ALL_HISTORY,
        helpers=(local, cosine, sine),
    )
    yield Feature(
        f"{name}_strength",
        family="activity",
        expr=strength.clip(upper_bound=1.0),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share, 0 to 1",
        null=NO_ACT,
        says=f"mean resultant length of the acts on a circle of {period} {unit}: 1 is all at one point, 0 in balance; "
        f"{ACTS}",
        source=CIRCULAR,
        window=ALL_HISTORY,
        helpers=(local, cosine, sine),
    )


def _night_share(local: Helper, timezone: str) -> Feature:
    at_night = SINCE_MIDNIGHT < NIGHT_HOURS * MICROSECONDS_AN_HOUR
    return Feature(
        "night_share",
        family="activity",
        expr=pl.when(ACTED).then(at_night).mean(),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share",
        null=NO_ACT,
        says=f"acts from 0 to {NIGHT_HOURS} o'clock ({timezone}) / acts; {ACTS}",
        window=ALL_HISTORY,
        helpers=(local,),
    )


def _trend(short: int, long: int) -> Feature:
    in_short, in_long = (AGE_DAYS.le(days) for days in (short, long))
    return Feature(
        f"events_trend_{short}d_{long}d",
        family="activity",
        # The mean of a yes or no is a share, and null of nothing.
        expr=pl.when(ACTED & in_long).then(in_short).mean() * (long / short),
        dtype=dy.Float64(nullable=True, min=0),
        unit="ratio",
        null=f"no act {Window(long).says}",
        says=f"(acts in the {short} days before as_of / {short}) / (acts in the {long} days / {long}); above 1 grows; "
        f"{ACTS}",
        window=Window(long),
    )
