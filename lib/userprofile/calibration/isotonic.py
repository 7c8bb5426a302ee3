"""Probabilities that come true whatever the shape of what a model says: a curve of steps that never falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.special import logit as log_odds_of

from userprofile.calibration.platt import PlattScaling, soft_targets

# Of the log-odds, Platt's part: it keeps the order of users on a step and beyond the last ones.
TILT = 0.01


@dataclass(frozen=True)
class IsotonicCurve:
    """log-odds = (1 - TILT) * steps(logit) + TILT * (slope * logit + intercept); slope > 0, so no order changes.

    Steps run through the points (`at`, `log_odds`), straight between them and level beyond. Zadrozny & Elkan 2002,
    "Transforming classifier scores into accurate multiclass probability estimates".
    """

    at: tuple[float, ...]  # growing
    log_odds: tuple[float, ...]  # never falling
    slope: float
    intercept: float

    @classmethod
    def fit(cls, logit: np.ndarray, label: np.ndarray, platt: PlattScaling) -> IsotonicCurve:
        """Of the validation split, where `platt` was fitted; targets are Platt's, so that no step is 0 or 1."""
        # Here and not above: it takes a second, and most jobs fit nothing.
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression().fit(logit.astype(np.float64), soft_targets(label))
        at, log_odds = steps.X_thresholds_, log_odds_of(steps.y_thresholds_)
        return cls(tuple(at.tolist()), tuple(log_odds.tolist()), platt.slope, platt.intercept)

    def probability(self, logit: np.ndarray) -> np.ndarray:
        """float64, same shape."""
        logit = logit.astype(np.float64)
        steps = np.interp(logit, self.at, self.log_odds)
        return np.asarray(expit((1 - TILT) * steps + TILT * (self.slope * logit + self.intercept)))
