"""How often will the user buy?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from userprofile.columns import ACTION_CODE, Action
from userprofile.windows import AsOf, LabelWindow

PURCHASE_DAYS = "label_purchase_days"


def with_purchase_days(
    rows: pl.DataFrame, events: pl.DataFrame, *, as_ofs: Sequence[AsOf], window: LabelWindow, timezone: str
) -> pl.DataFrame:
    """Adds `label_purchase_days` to rows per user and as-of date: calendar days with a purchase in the label window.

    0 where there is none, never null. What is bought in one day of the time zone is one transaction, as in
    features/btyd.py, so that this is what its frequency grows by.
    """
    bought = events.filter(pl.col("action") == ACTION_CODE[Action.PURCHASE])
    day = pl.col("event_time").dt.convert_time_zone(timezone).dt.date()
    counts = pl.concat(
        bought.filter(window.holds(as_of, pl.col("event_time")))
        .group_by("user_id")
        .agg(pl.lit(as_of.date).alias("as_of_date"), day.n_unique().cast(pl.Int64).alias(PURCHASE_DAYS))
        for as_of in as_ofs
    )
    joined = rows.join(counts, on=["user_id", "as_of_date"], how="left", maintain_order="left")
    return joined.with_columns(pl.col(PURCHASE_DAYS).fill_null(0))
