"""The last K events of a user before an instant, as lists of one length: bounded, however long the history."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.errors import UsageError
from userprofile.features.assemble import in_schema
from userprofile.features.vocabulary import MICROSECONDS_A_DAY
from userprofile.schemas.gold import UserSequences
from userprofile.windows import AsOf, in_time_order

CODES = ("action", "item", *(f"category_{level}" for level in CATEGORY_LEVELS), "brand", "price_band")


def sequences_per_user(events: pl.DataFrame, *, as_ofs: Sequence[AsOf], length: int) -> pl.DataFrame:
    """gold.user_sequences: per user and as-of date with an event before it, the last `length` events, oldest first.

    Events of one time stand by event_order. A code that an event lacks is 0, as is the gap before a user's first event.
    Rows by date, then user.
    """
    if length < 1:
        raise UsageError("a sequence needs a length", expected="at least 1 event", received=str(length))
    ordered = (
        in_time_order(events)
        .lazy()
        .select("user_id", "event_time", "known_at", *(pl.col(name).fill_null(0) for name in CODES))
    )
    dated = [_as_of_rows(ordered, as_of=as_of, length=length) for as_of in sorted(as_ofs)]
    if not dated:
        return UserSequences.create_empty()
    return in_schema(pl.concat(pl.collect_all(dated)), UserSequences)


def _as_of_rows(ordered: pl.LazyFrame, *, as_of: AsOf, length: int) -> pl.LazyFrame:
    time, instant = pl.col("event_time"), pl.lit(as_of.instant, dtype=pl.Datetime("us", "UTC"))
    known = ordered.filter(as_of.knows()).with_columns(user=pl.col("user_id").rle_id().set_sorted())
    days = {"age_days": instant - time, "gap_days": pl.when(pl.col("user") == pl.col("user").shift()).then(time.diff())}
    last = (
        known.with_columns(
            (span.to_physical() * (1 / MICROSECONDS_A_DAY)).fill_null(0).cast(pl.Float32).alias(name)
            for name, span in days.items()
        )
        .group_by("user", maintain_order=True)
        .agg(
            pl.col("user_id").first(),
            *(pl.col(name).tail(length).alias(f"sequence_{name}") for name in (*CODES, *days)),
        )
    )
    return last.with_columns(pl.lit(as_of.date).alias("as_of_date"))
