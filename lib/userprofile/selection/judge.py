"""The model that features are judged by: gradient boosting, which takes nulls and any scale as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score


@dataclass(frozen=True)
class Rows:
    """Examples of one split: values [rows, features] with NaN for null, label [rows] of 0 and 1."""

    values: np.ndarray
    label: np.ndarray

    def of(self, columns: np.ndarray) -> Rows:
        """The same examples with some of the columns."""
        return Rows(self.values[:, columns], self.label)

    @property
    def has_both_classes(self) -> bool:
        return len(np.unique(self.label)) == 2


def fitted(train: Rows, *, seed: int) -> HistGradientBoostingClassifier:
    """A model of the label; `train` needs both classes and at least one column."""
    return HistGradientBoostingClassifier(random_state=seed).fit(train.values, train.label)


def auc(model: HistGradientBoostingClassifier, rows: Rows) -> float | None:
    """Area under the ROC curve; null where the rows have one class only."""
    if not rows.has_both_classes:
        return None
    return float(roc_auc_score(rows.label, model.predict_proba(rows.values)[:, 1]))


def importance(model: HistGradientBoostingClassifier, rows: Rows, *, repeats: int, seed: int) -> np.ndarray:
    """[features] mean fall of the area under the ROC curve where a column is shuffled; at most 0 for the useless."""
    shuffled = permutation_importance(
        model, rows.values, rows.label, scoring="roc_auc", n_repeats=repeats, random_state=seed
    )
    return np.asarray(shuffled.importances_mean)
