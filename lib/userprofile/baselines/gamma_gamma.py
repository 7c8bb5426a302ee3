"""How much a user spends when they buy, by the Gamma-Gamma model.

The values of a user's purchases are gamma distributed around a mean that is itself distributed over users, and does not
depend on how often they buy. P. S. Fader, B. G. S. Hardie and K. L. Lee, RFM and CLV: Using Iso-Value Curves for
Customer Base Analysis, Journal of Marketing Research 42 (2005). Its estimates on the CDNOW sample, in dollars, are p
6.25, q 3.74, v 15.44.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from userprofile.errors import DataGateError


@dataclass(frozen=True)
class GammaGamma:
    """`p` shapes the values of one user, `q` and `v` (in units of money) the means of all."""

    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, frequency: np.ndarray, value: np.ndarray) -> GammaGamma:
        """Of users whose mean `value` of `frequency` repeat purchases is above 0; NaN and others stay out.

        Raises DataGateError where there are none.
        """
        told = (frequency > 0) & (np.nan_to_num(value) > 0)
        if not told.any():
            raise DataGateError(
                "the value of a purchase cannot be told ahead",
                expected="at least one user with the amount of a repeat purchase",
                received=f"{len(frequency)} users without",
                fix="map amount or price of the log's purchases",
            )
        unit = float(np.mean(value[told]))
        x, mean = frequency[told], value[told] / unit

        def loss(logs: np.ndarray) -> float:
            return -float(np.mean(cls(*np.exp(logs)).log_likelihood(x, mean)))

        found = minimize(loss, np.zeros(3), method="L-BFGS-B", options={"ftol": 1e-13, "gtol": 1e-8})
        p, q, v = (float(value) for value in np.exp(found.x))
        return cls(p, q, v * unit)

    def log_likelihood(self, frequency: np.ndarray, value: np.ndarray) -> np.ndarray:
        """[users], of equation (1a) of "The Gamma-Gamma Model of Monetary Value" (Fader and Hardie 2013)."""
        px, q, v = self.p * frequency, self.q, self.v
        constant = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v)
        return constant + (px - 1) * np.log(value) + px * np.log(frequency) - (px + q) * np.log(frequency * value + v)

    def expected_value(self, frequency: np.ndarray, value: np.ndarray) -> np.ndarray:
        """[users] expected value of a purchase: a mean of the user's and of all, by how much is known of the user.

        Who has no known repeat gets that of all. Infinite where q <= 1, as the mean of such a distribution is.
        """
        known = (frequency > 0) & ~np.isnan(value)
        x, mean = np.where(known, frequency, 0), np.where(known, value, 0.0)
        left = self.p * x + self.q - 1
        return np.where(left > 0, self.p * (self.v + x * mean) / np.where(left > 0, left, 1), np.inf)
