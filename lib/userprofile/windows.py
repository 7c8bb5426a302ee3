"""Points and windows in time. Every window is half open: its start is inside, its end is not.

A day is 24 hours, exactly; only an as-of date knows of time zones. Instants are microseconds UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, repeat
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from userprofile.errors import UsageError

Split = Literal["train", "validation", "test"]

DAY = timedelta(days=1)
MICROSECONDS_A_DAY = 86_400_000_000
ORDER = ("user_id", "event_time", "event_order")


@dataclass(frozen=True, order=True)
class AsOf:
    """The moment from which a profile looks back: only events with `known_at < instant` are known."""

    date: dt.date
    instant: datetime  # UTC, the first moment of `date` in the source's time zone

    @classmethod
    def at(cls, day: dt.date, timezone: str) -> AsOf:
        """
        >>> AsOf.at(dt.date(2017, 12, 1), "America/New_York").instant.isoformat()
        '2017-12-01T05:00:00+00:00'
        """
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
        return cls(day, midnight.astimezone(UTC))

    def knows(self) -> pl.Expr:
        """True for events of which something could be known at the instant (UserEvents.known_at)."""
        return pl.col("known_at") < pl.lit(self.instant, dtype=pl.Datetime("us", "UTC"))

    @classmethod
    def last_before(cls, instant: datetime, timezone: str) -> AsOf:
        """The latest midnight of the time zone that is not after `instant`."""
        return cls.at(instant.astimezone(ZoneInfo(timezone)).date(), timezone)


@dataclass(frozen=True)
class Window:
    """What lies behind an as-of instant: [as_of - days, as_of), or everything before it where `days` is None."""

    days: int | None

    def __post_init__(self) -> None:
        if self.days is not None and self.days < 1:
            raise UsageError("a window must look back", expected="at least 1 day", received=f"{self.days} days")

    @property
    def name(self) -> str:
        """The part of a feature's name: `7d`, or `all`."""
        return "all" if self.days is None else f"{self.days}d"

    @property
    def says(self) -> str:
        return "before as_of" if self.days is None else f"in the {self.days} days before as_of"

    def start(self, as_of: AsOf) -> datetime | None:
        return None if self.days is None else as_of.instant - timedelta(days=self.days)

    def holds(self, as_of: AsOf, time: pl.Expr) -> pl.Expr:
        """True where `time` lies in the window."""
        start = self.start(as_of)
        before = time < pl.lit(as_of.instant, dtype=pl.Datetime("us", "UTC"))
        return before if start is None else before & (time >= pl.lit(start, dtype=pl.Datetime("us", "UTC")))


ALL_HISTORY = Window(None)


@dataclass(frozen=True)
class LabelWindow:
    """What lies ahead of an as-of instant: [as_of + gap, as_of + gap + horizon)."""

    gap: timedelta
    horizon: timedelta

    def __post_init__(self) -> None:
        if self.gap < timedelta(0) or self.horizon <= timedelta(0):
            raise UsageError(
                "a label window must lie ahead",
                expected="gap >= 0 and horizon > 0",
                received=f"gap {self.gap}, horizon {self.horizon}",
            )

    @property
    def length(self) -> timedelta:
        """From the as-of instant to the end of the window."""
        return self.gap + self.horizon

    def start(self, as_of: AsOf) -> datetime:
        return as_of.instant + self.gap

    def end(self, as_of: AsOf) -> datetime:
        return as_of.instant + self.length

    def is_mature(self, as_of: AsOf, log_end: datetime) -> bool:
        """True where the window is complete in a log that holds every event before `log_end`."""
        return self.end(as_of) <= log_end

    def holds(self, as_of: AsOf, time: pl.Expr) -> pl.Expr:
        """True where `time` lies in the window."""
        start, end = (pl.lit(edge, dtype=pl.Datetime("us", "UTC")) for edge in (self.start(as_of), self.end(as_of)))
        return (time >= start) & (time < end)


@dataclass(frozen=True)
class TrainingDate:
    """An as-of date of the training set and the split that its examples belong to."""

    as_of: AsOf
    split: Split


def split_dates(
    scoring: AsOf,
    *,
    label_window: LabelWindow,
    count: int,
    timezone: str,
    log_start: datetime,
    embargo: timedelta = timedelta(0),
) -> list[TrainingDate]:
    """The latest `count` as-of dates, at most, whose labels are known when scoring; oldest first.

    Label windows end by `scoring`; each date has at least a day of history. Dates are midnights of the time zone, at
    least gap + horizon apart, so that no label window of one date reaches into the next date's; and by `embargo` more
    where one split ends and the next begins. The latest date tests, the one before validates, the rest train. Two dates
    train and test, with nothing to validate on; one date only trains; without any the list is empty.
    Raises UsageError where count < 1.
    """
    if count < 1:
        raise UsageError("no dates can be chosen", expected="count >= 1", received=str(count))
    steps = chain([label_window.length + embargo] * 2, repeat(label_window.length))
    latest = scoring.instant - label_window.length
    dates = _walk_back(latest, steps=steps, timezone=timezone, earliest=log_start + DAY)
    latest_first = list(islice(dates, count))
    splits = _splits(len(latest_first))
    return [TrainingDate(as_of, split) for as_of, split in zip(latest_first, splits, strict=True)][::-1]


def in_time_order(events: pl.DataFrame) -> pl.DataFrame:
    """Rows by user, then time, then event_order; a frame that is so already is returned as it is."""
    if _is_in_time_order(events):
        return events
    # Integers sort several times faster than pseudonyms, and the last sort moves what the first one has put in order.
    users = events.select(pl.col("user_id").unique().sort()).with_row_index("user")
    numbered = events.join(users, on="user_id", how="left", maintain_order="left")
    return numbered.sort(*ORDER[1:]).sort("user", maintain_order=True).drop("user")


def _is_in_time_order(events: pl.DataFrame) -> bool:
    user, time, order = (events[name] for name in ORDER)
    begins = user != user.shift()
    users = user.filter(begins.fill_null(value=True))
    if not (users > users.shift()).all():
        return False
    back = (time < time.shift()) | ((time == time.shift()) & (order < order.shift()))
    return not (back & ~begins).any()


def _walk_back(instant: datetime, *, steps: Iterator[timedelta], timezone: str, earliest: datetime) -> Iterator[AsOf]:
    as_of = AsOf.last_before(instant, timezone)
    while as_of.instant >= earliest:
        yield as_of
        as_of = AsOf.last_before(as_of.instant - next(steps), timezone)


def _splits(dates: int) -> list[Split]:
    """Of as many dates, latest first."""
    train: Split = "train"
    if dates >= 3:
        return ["test", "validation", *[train] * (dates - 2)]
    return ["test", train] if dates == 2 else [train] * dates
