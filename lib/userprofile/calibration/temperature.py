"""Distributions over classes that are as sure as they should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from userprofile.calibration.platt import MINIMUM_ROWS

# A logarithm: beyond e**3 in either direction a distribution is even, or names one class.
LARGEST_LOG = 3.0


@dataclass(frozen=True)
class Temperature:
    """probabilities = softmax(logits / temperature), which changes no order: Guo et al. 2017, arXiv:1706.04599."""

    temperature: float = 1.0
    not_fitted_because: str = ""

    @classmethod
    def fit(cls, logits: np.ndarray, came: np.ndarray) -> Temperature:
        """Of the validation split, by maximum likelihood: logits [rows, classes], the class that came int [rows]."""
        if len(came) < MINIMUM_ROWS:
            return cls(not_fitted_because=f"{len(came)} validation rows, fewer than {MINIMUM_ROWS}")
        rows = np.arange(len(came))

        def loss(log: float) -> float:
            return -float(log_softmax(logits / np.exp(log), axis=1)[rows, came].mean())

        found = minimize_scalar(loss, bounds=(-LARGEST_LOG, LARGEST_LOG), method="bounded")
        return cls(float(np.exp(found.x)))

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """float64 [rows, classes], adding up to 1."""
        return np.asarray(softmax(logits.astype(np.float64) / self.temperature, axis=1))
