"""Events while they are still codes: small integers that write.py turns into the words of the log."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.columns import ACTION_CODE
from userprofile.demo_shop.draws import Ints

CHANNELS = ("web", "app", "email", "phone")
FIELDS: dict[str, type[pl.DataType]] = {
    "user": pl.Int32,
    "item": pl.Int32,
    "action": pl.Int8,
    "time": pl.Int64,
    "order": pl.Int32,
    "session": pl.Int32,
    "request": pl.Int32,
    "position": pl.Int8,
    "quantity": pl.Int8,
    "price": pl.Int32,
    "discount": pl.Int32,
    "query": pl.Int32,
    "rating": pl.Int8,
    "text": pl.String,
    "dwell_seconds": pl.Float64,
    "channel": pl.Int8,
    "device": pl.Int32,
    "address": pl.Int32,
    "campaign": pl.Int16,
    "coupon": pl.Int32,  # who it was made out to; with `campaign`, the coupon's name
    "propensity": pl.Float64,
}


def rows(action: str, *, channel: str | Ints, **columns: np.ndarray | pl.Series) -> pl.DataFrame:
    """Events of one action with all FIELDS; those not given are null. `time` is in microseconds since 1970."""
    told = pl.DataFrame(columns).with_columns(
        action=pl.lit(ACTION_CODE[action]),
        channel=pl.lit(CHANNELS.index(channel)) if isinstance(channel, str) else pl.Series(channel),
    )
    return told.select(
        (pl.col(name) if name in told.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in FIELDS.items()
    )


def absent(codes: Ints) -> pl.Series:
    """-1 becomes null."""
    return pl.Series(codes).replace(-1, None)
