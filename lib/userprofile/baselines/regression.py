"""Who will buy, and how often, by a linear model of recency, frequency and monetary value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit

from userprofile.numbers import dense_values, signed_log

RFM = ("rfm_recency_days", "rfm_frequency", "rfm_monetary")


@dataclass(frozen=True)
class RfmLogistic:
    """Logistic regression on the logarithms of RFM; not shrunk, since four weights need no help."""

    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(cls, train: pa.Table, *, label: str = "label_purchase") -> RfmLogistic:
        """Reads `label`, of both classes, and RFM, whose nulls are "never bought"."""
        # Here and not above: it takes a second, and most jobs fit nothing.
        from sklearn.linear_model import LogisticRegression

        fitted = _scaled(LogisticRegression(C=np.inf)).fit(_rfm(train), train[label].to_numpy())
        scaler, regression = fitted.named_steps.values()
        weights = regression.coef_[0] / scaler.scale_
        return cls(tuple(weights.tolist()), float(regression.intercept_[0] - weights @ scaler.mean_))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] probability."""
        return np.asarray(expit(_rfm(table) @ np.array(self.weights) + self.intercept))


@dataclass(frozen=True)
class RfmPoisson:
    """Poisson regression on the logarithms of RFM."""

    model: Any

    @classmethod
    def fit(cls, train: pa.Table) -> RfmPoisson:
        """Reads label_purchase_days and RFM."""
        from sklearn.linear_model import PoissonRegressor

        regression = _scaled(PoissonRegressor(alpha=1e-6, max_iter=1_000))
        return cls(regression.fit(_rfm(train), train["label_purchase_days"].to_numpy()))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] expected days with a purchase."""
        return np.asarray(self.model.predict(_rfm(table)))


def _scaled(regression: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), regression)


def _rfm(table: pa.Table) -> np.ndarray:
    """[rows, 4] logarithms, 0 for null, and whether the user ever bought."""
    values = [dense_values(table[name]) for name in RFM]
    columns = [np.nan_to_num(signed_log(column)) for column in values]
    return np.stack([*columns, ~np.isnan(values[0])], axis=1)
