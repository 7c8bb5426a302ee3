"""How much a user will spend, by the simplest rules. Money is in minor units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.numbers import dense_values


@dataclass(frozen=True)
class MeanSpend:
    """Everyone spends the mean of the training rows."""

    mean: float

    @classmethod
    def fit(cls, train: pa.Table) -> MeanSpend:
        """Reads label_spend; needs at least one row."""
        return cls(float(np.mean(train["label_spend"].to_numpy())))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] minor units."""
        return np.full(table.num_rows, self.mean)


@dataclass(frozen=True)
class LastWindowSpend:
    """Everyone goes on as in the last window: its spend, times what training rows spent per unit spent in theirs.

    The ratio also brings the window's days to the label's horizon. An unknown amount counts as the training mean.
    """

    column: str
    ratio: float
    unknown: float

    @classmethod
    def fit(cls, train: pa.Table, column: str) -> LastWindowSpend:
        """Reads label_spend and `column`, such as spend_30d; needs at least one row."""
        label, before = train["label_spend"].to_numpy().astype(np.float64), dense_values(train[column])
        known = ~np.isnan(before)
        total = before[known].sum()
        return cls(column, float(label[known].sum() / total) if total > 0 else 0.0, float(label.mean()))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] minor units; reads `column`."""
        before = dense_values(table[self.column])
        return np.where(np.isnan(before), self.unknown, self.ratio * before)
