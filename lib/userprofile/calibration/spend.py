"""Money that adds up: from the logarithm of a buyer's amount back to what a user is expected to spend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.calibration.platt import MINIMUM_ROWS

# e**30 minor units is beyond any purse; a wild logit must not overflow an int64.
LARGEST_LOG1P = 30.0


@dataclass(frozen=True)
class SpendCorrection:
    """expected spend = factor * probability * (exp(spend_log1p) - 1), in minor units.

    Back from a logarithm, a prediction of the centre falls short of the mean. The factor is the ratio of what was spent
    to what was predicted (Snowdon 1991, Canadian J. of Forest Research 21(5)): total spend comes out right on the rows
    it was fitted on, whatever the errors' distribution, where smearing (Duan 1983, JASA 78) trusts the largest error.
    """

    factor: float = 1.0
    not_fitted_because: str = ""

    @classmethod
    def fit(cls, spend_log1p: np.ndarray, probability: np.ndarray, spend: np.ndarray) -> SpendCorrection:
        """Of the validation split; factor 1 for fewer than MINIMUM_ROWS rows, or where nobody is predicted to spend."""
        if len(spend) < MINIMUM_ROWS:
            return cls(not_fitted_because=f"{len(spend)} validation rows, fewer than {MINIMUM_ROWS}")
        predicted = cls().expected(spend_log1p, probability).sum()
        if predicted <= 0:
            return cls(not_fitted_because="no spend is predicted on the validation rows")
        return cls(float(spend.astype(np.float64).sum() / predicted))

    def expected(self, spend_log1p: np.ndarray, probability: np.ndarray) -> np.ndarray:
        """float64 minor units, >= 0; `probability` is the calibrated one."""
        amount = np.expm1(np.clip(spend_log1p.astype(np.float64), 0.0, LARGEST_LOG1P))
        return self.factor * probability * amount
