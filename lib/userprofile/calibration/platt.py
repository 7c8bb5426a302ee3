"""Probabilities that come true: a logistic curve over the network's logit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

# Two numbers are fitted; with fewer rows their error would exceed what they mend.
MINIMUM_ROWS = 200


@dataclass(frozen=True)
class PlattScaling:
    """probability = 1 / (1 + exp(-(slope * logit + intercept))); slope > 0, so the order of users never changes.

    Platt 1999, "Probabilistic outputs for support vector machines". `not_fitted_because` tells why it is the identity
    (slope 1, intercept 0), and is empty where it was fitted.
    """

    slope: float = 1.0
    intercept: float = 0.0
    not_fitted_because: str = ""

    @classmethod
    def fit(cls, logit: np.ndarray, label: np.ndarray) -> PlattScaling:
        """Of the validation split. The identity for fewer than MINIMUM_ROWS rows, one class, or a falling curve.

        A split without overlap stays finite by its targets.
        """
        # Here and not above: it takes a second, and most jobs fit nothing.
        from sklearn.linear_model import LogisticRegression

        if reason := _unfit(label):
            return cls(not_fitted_because=reason)
        target = soft_targets(label)
        rows = np.concatenate([logit, logit]).astype(np.float64)[:, None]
        classes = np.repeat([1, 0], len(logit))
        curve = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1_000)
        curve.fit(rows, classes, sample_weight=np.concatenate([target, 1 - target]))
        slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0])
        return (
            cls(slope, intercept) if slope > 0 else cls(not_fitted_because=f"the fitted slope {slope:.3g} is not > 0")
        )

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """float64, same shape."""
        return expit(self.slope * logit.astype(np.float64) + self.intercept)


def soft_targets(label: np.ndarray) -> np.ndarray:
    """Platt's, in the place of 1 and 0: (n+ + 1) / (n+ + 2) and 1 / (n- + 2)."""
    came = int(np.sum(label == 1))
    return np.where(label == 1, (came + 1) / (came + 2), 1 / (len(label) - came + 2))


def _unfit(label: np.ndarray) -> str:
    if len(label) < MINIMUM_ROWS:
        return f"{len(label)} validation rows, fewer than {MINIMUM_ROWS}"
    return "" if len(np.unique(label)) == 2 else f"all validation rows have the label {label[0]:g}"
