"""Who will buy, and how often, by gradient boosting over the whole feature catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from userprofile.numbers import dense_values

# Small trees, slow steps and random parts of rows and columns: a few thousand users and hundreds of features.
# Given, not tuned: no label chose them.
SETTINGS = {
    "learning_rate": 0.03,
    "num_leaves": 8,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "num_threads": 1,  # small trees wait for their threads most of the time
    "deterministic": True,
    "verbosity": -1,
}
ROUNDS = 200
SEEDS = 3  # models whose mean is taken: one alone moves with its random parts

# A probability, one of each class, the mean of a count, that of an amount which is often 0, a median.
Objective = Literal["binary", "multiclass", "poisson", "tweedie", "regression_l1"]


@dataclass(frozen=True)
class BoostedTrees:
    """LightGBM; takes nulls and any scale as they are. The mean of models that differ by their seeds."""

    features: tuple[str, ...]
    models: tuple[str, ...]  # LightGBM's own text

    @classmethod
    def fit(
        cls,
        train: pa.Table,
        *,
        features: Sequence[str],
        label: str,
        objective: Objective,
        seed: int,
        models: int = SEEDS,
        classes: int = 1,
    ) -> BoostedTrees:
        """Reads the columns `features` and `label`; of several classes the label is a place from 0."""
        # Here and not above: it takes a second, and most jobs fit nothing.
        import lightgbm

        values, labels = _values(train, features), train[label].to_numpy().astype(np.float64)
        settings = {**SETTINGS, "objective": objective, "num_class": classes}
        fitted = (
            lightgbm.train({**settings, "seed": seed + number}, lightgbm.Dataset(values, labels), ROUNDS)
            for number in range(models)
        )
        return cls(tuple(features), tuple(model.model_to_string() for model in fitted))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows], or [rows, classes], what the objective says."""
        values = _values(table, self.features)
        return np.asarray(np.mean([model.predict(values, num_threads=1) for model in self._read], axis=0))

    def contributions(self, table: pa.Table, place: np.ndarray | None = None) -> np.ndarray:
        """[rows, features + 1] parts of what trees add up, before the objective's link; the last is their mean.

        Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees"
        (arXiv:1905.04610). `place` [rows] is the class meant, where there are several.
        """
        values = _values(table, self.features)
        parts = np.mean([model.predict(values, num_threads=1, pred_contrib=True) for model in self._read], axis=0)
        of_classes = parts.reshape(len(values), -1, len(self.features) + 1)
        return of_classes[np.arange(len(values)), 0 if place is None else place]

    def margins(self, table: pa.Table, place: np.ndarray | None = None) -> np.ndarray:
        """[rows] what `contributions` add up to."""
        values = _values(table, self.features)
        sums = np.mean([model.predict(values, num_threads=1, raw_score=True) for model in self._read], axis=0)
        return sums.reshape(len(values), -1)[np.arange(len(values)), 0 if place is None else place]

    @cached_property
    def _read(self) -> list[Any]:
        import lightgbm

        return [lightgbm.Booster(model_str=text) for text in self.models]


def _values(table: pa.Table, features: Sequence[str]) -> np.ndarray:
    """[rows, features] NaN for null."""
    return np.stack([dense_values(table[name]) for name in features], axis=1)
