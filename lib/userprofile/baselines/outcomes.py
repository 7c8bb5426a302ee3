"""The ladders of what users do in a window: whether they buy, on how many days, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from userprofile.baselines.bg_nbd import BetaGeometric
from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.gamma_gamma import GammaGamma
from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.baselines.regression import RfmLogistic, RfmPoisson
from userprofile.baselines.rung import Fit
from userprofile.baselines.spend import MeanSpend
from userprofile.errors import DataGateError
from userprofile.numbers import dense_values

BUYS, PURCHASE_DAYS, SPEND = "label_purchase", "label_purchase_days", "label_spend"
BG_NBD_COLUMNS = ("bg_nbd_purchase_days", "bg_nbd_purchase_probability", "bg_nbd_alive", "bg_nbd_spend")


@dataclass(frozen=True)
class MeanDays:
    """Everyone buys on as many days as training rows did in the mean."""

    mean: float

    @classmethod
    def fit(cls, train: pa.Table) -> MeanDays:
        """Reads label_purchase_days; needs at least one row."""
        return cls(float(np.mean(train[PURCHASE_DAYS].to_numpy())))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] days."""
        return np.full(table.num_rows, self.mean)


@dataclass(frozen=True)
class OfBgNbd:
    """A column of `with_bg_nbd`; who never bought, of whom the model is silent, gets what such training rows did."""

    column: str
    unknown: float

    @classmethod
    def fit(cls, train: pa.Table, *, column: str, label: str) -> OfBgNbd:
        """Reads `column` and `label`; needs at least one row."""
        labels, silent = train[label].to_numpy(), np.isnan(dense_values(train[column]))
        return cls(column, float(np.mean(labels[silent] if silent.any() else labels)))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows] what the column says."""
        values = dense_values(table[self.column])
        return np.where(np.isnan(values), self.unknown, values)


def with_bg_nbd(table: pa.Table, *, gap_days: float = 0, horizon_days: float) -> pa.Table:
    """Adds BG_NBD_COLUMNS to the rows of one as-of date: days with a purchase in the window, that there is one, alive,
    and the expected spend.

    That there is one is the probability of a Poisson count of that mean being above 0: users stand in the order of the
    mean, by which they are ranked where this model is published. Spend is days times the value of a day by Gamma-Gamma.
    Fitted on these very rows, of which it reads no label: what was known of all users by then. Null for who never
    bought, and for all where nobody bought on two days; spend also without amounts. Reads the btyd_ features.
    """
    names = ("btyd_frequency", "btyd_recency_days", "btyd_age_days")
    frequency, recency, age = (dense_values(table[name]) for name in names)
    bought = ~np.isnan(frequency)
    columns = np.full((len(BG_NBD_COLUMNS), table.num_rows), np.nan)
    history = (frequency[bought], recency[bought], age[bought])
    try:
        model = BetaGeometric.fit(*history)
    except DataGateError:
        pass
    else:
        until_end, until_start = (
            model.expected_purchases(*history, horizon=days) for days in (gap_days + horizon_days, gap_days)
        )
        columns[0, bought] = until_end - until_start
        columns[1] = -np.expm1(-columns[0])
        columns[2, bought] = model.alive(*history)
        columns[3, bought] = columns[0, bought] * _value_of_a_day(frequency[bought], table, bought)
    for name, values in zip(BG_NBD_COLUMNS, columns, strict=True):
        table = table.append_column(name, pa.array(values, from_pandas=True))
    return table


def _value_of_a_day(frequency: np.ndarray, table: pa.Table, bought: np.ndarray) -> np.ndarray:
    """[buyers] minor units; NaN where the log has no amounts, or such that their mean is not finite."""
    value = dense_values(table["btyd_monetary_value"])[bought]
    try:
        expected = GammaGamma.fit(frequency, value).expected_value(frequency, value)
    except DataGateError:
        return np.full(len(frequency), np.nan)
    return np.where(np.isfinite(expected), expected, np.nan)


def ladder_of_buying(features: Sequence[str], *, seed: int) -> dict[str, Fit]:
    """Rungs that give the probability of a purchase, simplest first; `features` are those LightGBM reads."""
    trees = partial(BoostedTrees.fit, features=features, label=BUYS, objective="binary", seed=seed)
    return {
        "base_rate": BaseRate.fit,
        "recency_rule": RecencyRule.fit,
        "rfm_logistic": RfmLogistic.fit,
        "bg_nbd": partial(OfBgNbd.fit, column="bg_nbd_purchase_probability", label=BUYS),
        "lightgbm": trees,
    }


def ladder_of_purchase_days(features: Sequence[str], *, seed: int) -> dict[str, Fit]:
    """Rungs that give days with a purchase, simplest first; all but the last the mean, the last the median."""
    trees = partial(BoostedTrees.fit, features=features, label=PURCHASE_DAYS, seed=seed)
    return {
        "mean_days": MeanDays.fit,
        "rfm_poisson": RfmPoisson.fit,
        "bg_nbd": partial(OfBgNbd.fit, column="bg_nbd_purchase_days", label=PURCHASE_DAYS),
        "lightgbm": partial(trees, objective="poisson"),
        "lightgbm_median": partial(trees, objective="regression_l1"),
    }


def ladder_of_spend(features: Sequence[str], *, seed: int) -> dict[str, Fit]:
    """Rungs that give minor units, simplest first; all but the last the mean, the last the median."""
    trees = partial(BoostedTrees.fit, features=features, label=SPEND, seed=seed)
    return {
        "mean_spend": MeanSpend.fit,
        "bg_nbd_gamma_gamma": partial(OfBgNbd.fit, column="bg_nbd_spend", label=SPEND),
        "lightgbm": partial(trees, objective="tweedie"),
        "lightgbm_median": partial(trees, objective="regression_l1"),
    }
