"""When the next purchase comes, by the simplest rules: [rows, K] probabilities of one by the end of each interval.

The label window is cut into K intervals of one length. Kaplan and Meier 1958, "Nonparametric Estimation from Incomplete
Observations"; since all rows are censored at one time, its curve is that of plain shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.purchase import PRIOR_ROWS, RECENCY_BUCKETS, recency_bucket
from userprofile.numbers import dense_values

LABEL = "label_days_to_purchase"


@dataclass(frozen=True)
class WaitingCurve:
    """Everyone waits as training rows did."""

    curve: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, ends: Sequence[float]) -> WaitingCurve:
        """`ends` [K] are the days from the as-of instant at which intervals end. Needs at least one row."""
        return cls(tuple(_bought_by(train, ends).mean(axis=0).tolist()))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, K]."""
        return np.tile(np.array(self.curve), (table.num_rows, 1))


@dataclass(frozen=True)
class WaitingByRecency:
    """Everyone waits as training rows did whose last purchase was as long ago."""

    curves: tuple[tuple[float, ...], ...]  # by bucket of RECENCY_EDGES

    @classmethod
    def fit(cls, train: pa.Table, *, ends: Sequence[float]) -> WaitingByRecency:
        """Reads days_since_purchase too; needs at least one row."""
        bought, bucket = _bought_by(train, ends), recency_bucket(train)
        counts = np.zeros((RECENCY_BUCKETS, len(ends)))
        np.add.at(counts, bucket, bought)
        rows = np.bincount(bucket, minlength=RECENCY_BUCKETS)[:, None]
        curves = (counts + PRIOR_ROWS * bought.mean(axis=0)) / (rows + PRIOR_ROWS)
        return cls(tuple(map(tuple, curves.tolist())))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, K]; reads days_since_purchase."""
        return np.array(self.curves)[recency_bucket(table)]


def _bought_by(train: pa.Table, ends: Sequence[float]) -> np.ndarray:
    """bool [rows, K]; False throughout where the time is censored."""
    days = dense_values(train[LABEL])[:, None]
    return np.asarray(days < np.asarray(ends))
