"""Who will buy, by the simplest rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.spec import dense_values

# Days since the last purchase: a bucket ends before its edge, the last one is "never bought".
RECENCY_EDGES = (3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)

# Rows of the base rate that every bucket has beside its own, so that an empty one is no extreme.
PRIOR_ROWS = 10.0


@dataclass(frozen=True)
class BaseRate:
    """Everyone buys with the share of training rows that did."""

    rate: float

    @classmethod
    def fit(cls, train: pa.Table) -> BaseRate:
        """Reads label_purchase; needs at least one row."""
        return cls(float(np.mean(train["label_purchase"].to_numpy())))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] probability."""
        return np.full(table.num_rows, self.rate)


@dataclass(frozen=True)
class RecencyRule:
    """Who bought lately buys again: the share of training rows that bought, by days since their last purchase."""

    rates: tuple[float, ...]  # one a bucket of RECENCY_EDGES, beyond the last edge, and never

    @classmethod
    def fit(cls, train: pa.Table) -> RecencyRule:
        """Reads label_purchase and days_since_purchase; needs at least one row."""
        bought = train["label_purchase"].to_numpy().astype(np.float64)
        bucket, buckets = _bucket(train), len(RECENCY_EDGES) + 2
        rows = np.bincount(bucket, minlength=buckets)
        buyers = np.bincount(bucket, weights=bought, minlength=buckets)
        rates = (buyers + PRIOR_ROWS * bought.mean()) / (rows + PRIOR_ROWS)
        return cls(tuple(float(rate) for rate in rates))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] probability; reads days_since_purchase."""
        return np.array(self.rates)[_bucket(table)]


def _bucket(table: pa.Table) -> np.ndarray:
    days = dense_values(table["days_since_purchase"])
    return np.where(np.isnan(days), len(RECENCY_EDGES) + 1, np.digitize(days, RECENCY_EDGES))
