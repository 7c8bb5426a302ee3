"""Dirt on request. It adds rows or delays them and never alters an event, so a clean-up can be held to account."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from userprofile.demo_shop.shop import DAY, SECOND, Shop

SHORT_ROW_FIELDS = 5
_LATE_DAYS = (1.0, 10.0)


def with_arrivals(events: pl.DataFrame, *, shop: Shop) -> tuple[pl.DataFrame, int]:
    """Adds `arrived`, in microseconds since 1970: seconds after the event, days after it for the late share."""
    rng = shop.stream("late")
    late = _share(events.height, shop.late_rate, rng)
    delay = rng.exponential(2, events.height) * SECOND
    delay[late] = rng.uniform(*_LATE_DAYS, len(late)) * DAY
    return events.with_columns(arrived=pl.col("time") + pl.Series(delay).cast(pl.Int64)), len(late)


def with_duplicates(events: pl.DataFrame, *, shop: Shop) -> tuple[pl.DataFrame, int]:
    """Rows in order of arrival, the chosen share once more, exactly, within the hour behind the first."""
    rng = shop.stream("duplicates")
    again = _share(events.height, shop.duplicate_rate, rng)
    place = np.concatenate([np.arange(events.height), again])
    arrived = events["arrived"].to_numpy()[place]
    arrived[events.height :] += rng.integers(1, 3600 * SECOND, len(again))
    return events[place[np.argsort(arrived, kind="stable")]], len(again)


def malformed(events: pl.DataFrame, *, shop: Shop) -> Iterator[tuple[str, pl.DataFrame]]:
    """(what is wrong, copies of events under numbers of their own) for each kind of malformed row, in turn."""
    rng = shop.stream("malformed")
    chosen = events[_share(events.height, shop.malformed_rate, rng)]
    chosen = chosen.with_columns(event=pl.Series(events.height + 1 + np.arange(chosen.height), dtype=pl.UInt32))
    for turn, kind in enumerate(BREAKS):
        yield kind, chosen.gather_every(len(BREAKS), turn)


# How a written row is broken; each makes it unfit in one way only.
BREAKS: dict[str, list[pl.Expr]] = {
    "short_row": [pl.nth(range(SHORT_ROW_FIELDS))],
    "long_row": [pl.all(), pl.lit("stray").alias("stray")],
    "unreadable_time": [pl.all().exclude("event_time"), pl.lit("yesterday").alias("event_time")],
    "unknown_action": [pl.all().exclude("action"), pl.lit("teleport").alias("action")],
    "negative_price": [pl.all().exclude("price"), pl.lit("-1.00").alias("price")],
}


def _share(count: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.permutation(count)[: round(rate * count)])
