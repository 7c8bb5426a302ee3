"""Money that adds up: what users are expected to spend, together as much as they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.calibration.platt import MINIMUM_ROWS


@dataclass(frozen=True)
class SpendCorrection:
    """corrected = factor * expected, in minor units.

    The factor is the ratio of what was spent to what was predicted (Snowdon 1991, Canadian J. of Forest Research
    21(5)): total spend comes out right on the rows it was fitted on, whatever the distribution of errors.
    """

    factor: float = 1.0
    not_fitted_because: str = ""

    @classmethod
    def fit(cls, expected: np.ndarray, spend: np.ndarray) -> SpendCorrection:
        """Of the validation split; factor 1 for fewer than MINIMUM_ROWS rows, where nobody is predicted to spend, and
        where nobody did.
        """
        if len(spend) < MINIMUM_ROWS:
            return cls(not_fitted_because=f"{len(spend)} validation rows, fewer than {MINIMUM_ROWS}")
        predicted, spent = float(expected.sum()), float(spend.astype(np.float64).sum())
        if predicted <= 0 or spent <= 0:
            return cls(not_fitted_because=f"{spent:g} is spent and {predicted:g} predicted on the validation rows")
        return cls(spent / predicted)

    def corrected(self, expected: np.ndarray) -> np.ndarray:
        """float64 minor units, >= 0."""
        return self.factor * expected.astype(np.float64)
