"""Whether one model of a head is worse than another beyond noise: both judged on the same users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from userprofile.baselines.serving import LARGER_IS_BETTER
from userprofile.heads.head import Arrays, Head


@dataclass(frozen=True)
class Compared:
    """By the head's first measure: of both models, and how much better the new one is, with its interval."""

    head: str
    measure: str
    new: float
    old: float
    gain: float  # above 0 where the new one is better
    low: float
    high: float

    @property
    def is_worse(self) -> bool:
        """Beyond noise: all of the interval lies below 0."""
        return self.high < 0

    def told(self) -> str:
        """In words."""
        between = f"{self.low:+.4g} to {self.high:+.4g}"
        return f"{self.head}: {self.measure} {self.new:.4g} against {self.old:.4g} (gain {between})"


def compared(head: Head, new: Arrays, old: Arrays, *, among: int, draws: int, seed: int) -> Compared | None:
    """Judgements [rows] of the same rows in the same order, one row a user; one of so many comparisons.

    The interval is the standard one of the paired bootstrap over rows (Efron and Tibshirani 1993, chapter 13), so wide
    that by chance alone one of all comparisons misses in 5 % of cases (Bonferroni's bound). None where a measure is
    undefined, on all rows or on some draw.
    """
    rng, rows = np.random.default_rng(seed), len(next(iter(new.values())))
    by, drawn = head.by[0], [np.arange(rows), *(rng.integers(rows, size=rows) for _ in range(draws))]
    measured = [
        [head.metrics({name: values[places] for name, values in side.items()})[by] for side in (new, old)]
        for places in drawn
    ]
    pairs = [(first, second) for first, second in measured if first is not None and second is not None]
    if len(pairs) < len(drawn):
        return None
    sign = 1 if LARGER_IS_BETTER[by] else -1
    gains = [sign * (first - second) for first, second in pairs]
    margin = float(norm.ppf(1 - 0.025 / among) * np.std(gains[1:], ddof=1))
    return Compared(head.name, by, *pairs[0], gains[0], gains[0] - margin, gains[0] + margin)
