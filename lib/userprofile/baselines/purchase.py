"""Who will do it, by the simplest rules; "it" is a label of 0 and 1, such as to buy or to leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.numbers import dense_values

# Days since the last purchase: a bucket ends before its edge, the last one is "never bought".
RECENCY_EDGES = (3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)
RECENCY_BUCKETS = len(RECENCY_EDGES) + 2

# Rows of the base rate that every bucket has beside its own, so that an empty one is no extreme.
PRIOR_ROWS = 10.0


@dataclass(frozen=True)
class BaseRate:
    """Everyone does it with the share of training rows that did."""

    rate: float

    @classmethod
    def fit(cls, train: pa.Table, *, label: str = "label_purchase") -> BaseRate:
        """Reads `label`; needs at least one row."""
        return cls(float(np.mean(train[label].to_numpy())))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] probability."""
        return np.full(table.num_rows, self.rate)


@dataclass(frozen=True)
class RecencyRule:
    """Who bought lately does it like others who did: the share of training rows, by days since their last purchase."""

    rates: tuple[float, ...]  # one a bucket of RECENCY_EDGES, beyond the last edge, and never

    @classmethod
    def fit(cls, train: pa.Table, *, label: str = "label_purchase") -> RecencyRule:
        """Reads `label` and days_since_purchase; needs at least one row."""
        did, bucket = train[label].to_numpy().astype(np.float64), recency_bucket(train)
        rows = np.bincount(bucket, minlength=RECENCY_BUCKETS)
        doers = np.bincount(bucket, weights=did, minlength=RECENCY_BUCKETS)
        rates = (doers + PRIOR_ROWS * did.mean()) / (rows + PRIOR_ROWS)
        return cls(tuple(float(rate) for rate in rates))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] probability; reads days_since_purchase."""
        return np.array(self.rates)[recency_bucket(table)]


def recency_bucket(table: pa.Table) -> np.ndarray:
    """int [rows] in [0, RECENCY_BUCKETS), the last for who never bought."""
    days = dense_values(table["days_since_purchase"])
    return np.where(np.isnan(days), len(RECENCY_EDGES) + 1, np.digitize(days, RECENCY_EDGES))
