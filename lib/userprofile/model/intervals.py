"""Measures of weighted rows, and how far they would move with other users: the bootstrap over users.

`label`, `predicted` and `weight` are [rows], one row a user; a weight is how many such users there are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def auc(label: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    """Area under the ROC curve, ties half; 0.5 for a constant, NaN where one class has no weight."""
    _, place = np.unique(predicted, return_inverse=True)
    yes, no = (np.bincount(place, weights=weight * (label == value)) for value in (1, 0))
    below = np.cumsum(no) - no
    pairs = yes.sum() * no.sum()
    return float(np.sum(yes * (below + no / 2)) / pairs) if pairs else float("nan")


def f1(label: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float:
    """Harmonic mean of precision and recall of rows called positive (True or 1); 0 where none is right."""
    right = float(np.sum(weight * label * positive))
    return 2 * right / float(np.sum(weight * (label + positive))) if right else 0.0


def mae(label: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.average(np.abs(predicted - label), weights=weight))


def correlation(label: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> float:
    """Pearson's; NaN where one of them is constant."""
    if not np.ptp(label) or not np.ptp(predicted):
        return float("nan")  # rounding leaves a constant a spread of its own
    covariance = np.cov(np.stack([label, predicted]), aweights=weight, bias=True)
    spread = covariance[0, 0] * covariance[1, 1]
    return float(covariance[0, 1] / np.sqrt(spread)) if spread > 0 else float("nan")


def best_f1_threshold(label: np.ndarray, probability: np.ndarray) -> float:
    """The probability from which on a row is called positive, for the greatest F1; the highest of several."""
    order = np.argsort(-probability, kind="stable")
    right, called = np.cumsum(label[order]), np.arange(1, len(label) + 1)
    last_of_equals = np.append(np.diff(probability[order]) != 0, True)
    scores = np.where(last_of_equals, 2 * right / (called + label.sum()), -1.0)
    return float(probability[order][np.argmax(scores)])


def interval(
    measure: Measure, label: np.ndarray, predicted: np.ndarray, *, draws: int = 1_000, seed: int = 7
) -> tuple[float, float]:
    """Ends of the 95 % interval by percentiles of the bootstrap (Efron and Tibshirani 1993, chapter 13).

    The same seed draws the same users for every model: intervals of one table may be compared. NaN without rows, or
    where the measure is not defined.
    """
    rows, rng = len(label), np.random.default_rng(seed)
    if not rows:
        return float("nan"), float("nan")
    drawn = (np.bincount(rng.integers(rows, size=rows), minlength=rows) for _ in range(draws))
    low, high = np.quantile([measure(label, predicted, weight) for weight in drawn], (0.025, 0.975))
    return float(low), float(high)
