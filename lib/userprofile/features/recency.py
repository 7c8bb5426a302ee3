"""How long ago: days since the last event of each action, and of any."""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.columns import ACTIONS
from userprofile.features.entries import Feature
from userprofile.features.vocabulary import AGE_DAYS, did
from userprofile.windows import ALL_HISTORY


def recency() -> Iterator[Feature]:
    """`days_since_<action>` and `days_since_any`."""
    for action in ACTIONS:
        yield Feature(
            f"days_since_{action}",
            family="recency",
            expr=pl.when(did(action)).then(AGE_DAYS).min(),
            dtype=dy.Float64(nullable=True),
            unit="days",
            null=f"no {action} before as_of",
            says=f"time from the last {action} to as_of",
            window=ALL_HISTORY,
        )
    yield Feature(
        "days_since_any",
        family="recency",
        expr=AGE_DAYS.min(),
        dtype=dy.Float64(nullable=False),
        unit="days",
        null="never null: a row needs an event",
        says="time from the last event of any action to as_of",
        window=ALL_HISTORY,
    )
