"""How often users will buy, by the BG/NBD model; ours, since no library that is still looked after installs here.

While alive, a user buys by a Poisson process whose rate is gamma distributed over users; after each purchase they leave
for good with a probability that is beta distributed. P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your
Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing Science 24 (2005). Its estimates on the CDNOW
sample, in weeks, are r 0.243, alpha 4.414, a 0.793, b 2.426.

Arrays are [users]: `frequency` x, repeat purchases; `recency` t_x, from the first to the last purchase; `age` T, from
the first purchase to now; in any one unit of time (features/btyd.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

from userprofile.errors import DataGateError

# Parameters beyond these, by unit of the mean age, tell users no further apart, and their sums lose their digits.
LARGEST_LOG = 7.0


@dataclass(frozen=True)
class BetaGeometric:
    """`r` and `alpha` shape the rate of buying (mean r / alpha a unit of time), `a` and `b` the chance of leaving."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> BetaGeometric:
        """By maximum likelihood. Raises DataGateError where nobody bought twice: nothing tells of a rate then."""
        if not np.any(frequency > 0):
            raise DataGateError(
                "purchases cannot be counted ahead",
                expected="at least one user who bought on two days",
                received=f"{len(frequency)} users, none of whom did",
                fix="a later cut, or another outcome",
            )
        unit = float(np.mean(age))
        histories, users = np.unique(np.stack([frequency, recency / unit, age / unit]), axis=1, return_counts=True)

        def loss(logs: np.ndarray) -> float:
            return -float(np.average(cls(*np.exp(logs)).log_likelihood(*histories), weights=users))

        limits = [(-LARGEST_LOG, LARGEST_LOG)] * 4
        found = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=limits, options={"ftol": 1e-13, "gtol": 1e-8})
        r, alpha, a, b = (float(value) for value in np.exp(found.x))
        return cls(r, alpha * unit, a, b)

    def log_likelihood(self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """[users], of equation (6) of the paper; its two summands are a user alive at `age` and one who left."""
        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, frequency
        buying = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        staying = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        alive = -(r + x) * np.log(alpha + age)
        return buying + staying + alive + np.log1p(self._odds_of_having_left(x, recency, age))

    def alive(self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """[users] probability of buying ever again; 1 for who has not repeated, since only a repeat can be the last."""
        return 1 / (1 + self._odds_of_having_left(frequency, recency, age))

    def expected_purchases(
        self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray, *, horizon: float
    ) -> np.ndarray:
        """[users] expected purchases in the next `horizon`: equation (10) of the paper.

        Its hypergeometric function is written by Euler's transformation, which stays finite for many purchases.
        """
        z = horizon / (self.alpha + age + horizon)
        a, b, r = self.a, self.b, self.r
        if abs(a - 1) < 1e-6:
            a = 1 + 1e-6  # the limit is smooth there, its formula is 0 / 0
        left = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + frequency - 1, z)
        return (a + b + frequency - 1) / (a - 1) * (1 - left) * self.alive(frequency, recency, age)

    def _odds_of_having_left(self, x: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        repeated = np.maximum(x, 1)
        since = (self.r + repeated) * np.log((self.alpha + age) / (self.alpha + recency))
        return np.where(x > 0, self.a / (self.b + repeated - 1) * np.exp(np.minimum(since, 700)), 0.0)
