"""BG/NBD and Gamma-Gamma as fitted once on training rows, to predict any later user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userprofile.baselines.bg_nbd import BetaGeometric
from userprofile.baselines.gamma_gamma import GammaGamma
from userprofile.numbers import dense_values

_HISTORY = ("btyd_frequency", "btyd_recency_days", "btyd_age_days")
_VALUE = "btyd_monetary_value"


@dataclass(frozen=True)
class BgNbdPurchase:
    """The chance of a purchase in a window, that of a Poisson count of the expected purchases being above 0."""

    parameters: tuple[float, ...]  # r, alpha, a, b
    gap_days: float
    horizon_days: float
    unknown: float  # of who never bought, of whom the model is silent

    @classmethod
    def fit(cls, train: pa.Table, *, label: str, gap_days: float, horizon_days: float) -> BgNbdPurchase:
        """Of the rows of the latest date, so that no user counts twice; reads `label` of all rows, and the btyd_
        features. Raises DataGateError where nobody bought on two days.
        """
        return cls(_parameters(train), gap_days, horizon_days, _of_silent(train, label))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] probability; reads the btyd_ features."""
        days = expected_days(table, self.parameters, self.gap_days, self.horizon_days)
        return np.where(np.isnan(days), self.unknown, -np.expm1(-np.nan_to_num(days)))


@dataclass(frozen=True)
class BgNbdSpend:
    """Expected days with a purchase in a window times the expected value of a day, in minor units."""

    parameters: tuple[float, ...]  # r, alpha, a, b
    values: tuple[float, ...]  # p, q, v
    gap_days: float
    horizon_days: float
    unknown: float

    @classmethod
    def fit(cls, train: pa.Table, *, label: str, gap_days: float, horizon_days: float) -> BgNbdSpend:
        """As BgNbdPurchase. Raises DataGateError also where no repeat purchase has an amount."""
        last = _latest(train)
        value = GammaGamma.fit(np.nan_to_num(dense_values(last[_HISTORY[0]])), dense_values(last[_VALUE]))
        found = (value.p, value.q, value.v)
        return cls(_parameters(train), found, gap_days, horizon_days, _of_silent(train, label))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] minor units; reads the btyd_ features."""
        days = expected_days(table, self.parameters, self.gap_days, self.horizon_days)
        frequency = np.nan_to_num(dense_values(table[_HISTORY[0]]))
        spend = days * GammaGamma(*self.values).expected_value(frequency, dense_values(table[_VALUE]))
        return np.where(np.isfinite(spend), spend, self.unknown)


def expected_days(table: pa.Table, parameters: tuple[float, ...], gap_days: float, horizon_days: float) -> np.ndarray:
    """[rows] days with a purchase from gap_days ahead on, for horizon_days; NaN for who never bought."""
    history = np.stack([dense_values(table[name]) for name in _HISTORY])  # [3, rows]
    bought, days = ~np.isnan(history[0]), np.full(table.num_rows, np.nan)
    model, of_buyers = BetaGeometric(*parameters), history[:, bought]
    until_end, until_start = (
        model.expected_purchases(*of_buyers, horizon=horizon) for horizon in (gap_days + horizon_days, gap_days)
    )
    days[bought] = until_end - until_start
    return days


def _parameters(train: pa.Table) -> tuple[float, ...]:
    history = np.stack([dense_values(_latest(train)[name]) for name in _HISTORY])
    model = BetaGeometric.fit(*history[:, ~np.isnan(history[0])])
    return model.r, model.alpha, model.a, model.b


def _latest(train: pa.Table) -> pa.Table:
    return train.filter(pc.equal(train["as_of_date"], pc.max(train["as_of_date"])))


def _of_silent(train: pa.Table, label: str) -> float:
    """The mean label of rows of which the model is silent; of all where there are none."""
    labels, never = train[label].to_numpy(), np.isnan(dense_values(train[_HISTORY[0]]))
    return float(np.mean(labels[never] if never.any() else labels))
