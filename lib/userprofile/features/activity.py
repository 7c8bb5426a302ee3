"""How present: active days, tenure, first and last seen, and how many different things were touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dataframely as dy
import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.features.entries import NEVER_NULL, Feature, Key
from userprofile.features.vocabulary import AGE_DAYS, distinct
from userprofile.schemas.events import utc
from userprofile.windows import ALL_HISTORY, Window

# What a person does. Being shown something happens to a person: it says nothing of when or how they are present.


def activity(windows: Sequence[Window], *, timezone: str) -> Iterator[Feature]:
    """`active_days_<window>` (calendar days of the time zone), `tenure_days`, `distinct_items_<window>`,
    `distinct_category_<level>_all`, `first_seen` and `last_seen` (UTC)."""
    yield from _active_days(windows, timezone)
    yield Feature(
        "tenure_days",
        family="activity",
        expr=AGE_DAYS.max(),
        dtype=dy.Float64(nullable=False),
        unit="days",
        null="never null: a row needs an event",
        says="time from the first event to as_of",
        window=ALL_HISTORY,
    )
    for window in windows:
        yield _distinct(Key("item", pl.col("item")), window, name=f"distinct_items_{window.name}")
    for level in CATEGORY_LEVELS:
        category = Key(f"category_{level}", pl.col(f"category_{level}"))
        yield _distinct(category, ALL_HISTORY, name=f"distinct_{category.name}_all")
    yield _seen("first", pl.col("event_time").first())
    yield _seen("last", pl.col("event_time").last())


def _active_days(windows: Sequence[Window], timezone: str) -> Iterator[Feature]:
    local_day = Key("local_day", pl.col("event_time").dt.convert_time_zone(timezone).dt.date())
    for window in windows:
        yield Feature(
            f"active_days_{window.name}",
            family="activity",
            expr=distinct(local_day, window),
            dtype=dy.Int64(nullable=False),
            unit="days",
            null=NEVER_NULL,
            says=f"calendar days ({timezone}) with an event {window.says}",
            window=window,
            keys=(local_day,),
        )


def _distinct(key: Key, window: Window, *, name: str) -> Feature:
    return Feature(
        name,
        family="activity",
        expr=distinct(key, window),
        dtype=dy.Int64(nullable=False),
        unit=f"{key.name} codes",
        null=NEVER_NULL,
        says=f"different values of {key.name} in events {window.says}; events without one do not count",
        window=window,
        keys=(key,),
    )


def _seen(which: str, time: pl.Expr) -> Feature:
    return Feature(
        f"{which}_seen",
        family="activity",
        expr=time,
        dtype=utc(),
        unit="UTC time",
        null="never null: a row needs an event",
        says=f"time of the {which} event before as_of, of any action",
        window=ALL_HISTORY,
    )
