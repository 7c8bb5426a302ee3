"""Whether what was said of users came true: measures with intervals, out of counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959964  # 95 % of a normal distribution lie within as many standard deviations


@dataclass(frozen=True)
class Counts:
    """What was said and what happened; a user of whom several things were said counts once in `*_squared`.

    With one thing a user, `said_squared`, `hits_squared` and `said_hits` are `said`, `hits` and `hits`.
    """

    said: int
    hits: int  # said, and came true
    happened: int  # came true, said or not
    expected_hits: float  # of what was said, had it been said of anybody
    said_squared: int
    hits_squared: int
    said_hits: int


@dataclass(frozen=True)
class Measured:
    """One number; without an interval `low` and `high` are None."""

    measure: str
    value: float
    low: float | None = None
    high: float | None = None


def measures(counts: Counts) -> list[Measured]:
    """precision, recall, f1 (0 where nothing came true) and lift, precision over the base rate, with intervals of 95 %.

    None of them where nothing was said, or where what was said never happens to anybody.
    """
    base = base_rate(counts)
    if not counts.said or not counts.happened or not base:
        return []
    precision, recall = counts.hits / counts.said, counts.hits / counts.happened
    low, high = interval(counts)
    f1 = 2 * precision * recall / (precision + recall) if counts.hits else 0.0
    return [
        Measured("precision", precision, low, high),
        Measured("recall", recall),
        Measured("f1", f1),
        Measured("lift", precision / base, low / base, high / base),
    ]


def base_rate(counts: Counts) -> float:
    """How often it would have come true of anybody; 0 where nothing was said."""
    return counts.expected_hits / counts.said if counts.said else 0.0


def interval(counts: Counts) -> tuple[float, float]:
    """Of the precision: Wilson's score interval (1927), with the trials that what is said of different users is worth.

    >>> low, high = interval(Counts(10, 5, 5, 5.0, 10, 5, 5))
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    precision = counts.hits / counts.said
    trials = _trials(counts, precision)
    middle = (precision + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    spread = precision * (1 - precision) / trials + Z**2 / (4 * trials**2)
    reach = Z / (1 + Z**2 / trials) * math.sqrt(spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _trials(counts: Counts, precision: float) -> float:
    """Things said, or fewer where those of one user come true together: p (1 - p) over the variance of p by users."""
    residuals = counts.hits_squared - 2 * precision * counts.said_hits + precision**2 * counts.said_squared
    variance = residuals / counts.said**2
    worth = precision * (1 - precision) / variance if variance > 0 else counts.said
    return min(float(counts.said), worth) if worth > 0 else float(counts.said)


def passed(counts: Counts) -> bool | None:
    """Whether it comes true more often than of anybody; None where the interval holds the base rate."""
    (low, high), base = interval(counts), base_rate(counts)
    return True if low > base else False if high < base else None


def is_below(precision: float, base_rate: float) -> bool:
    """Whether what is said is worth nothing: it comes true no more often than of anybody."""
    return precision <= base_rate


def unsure(passed: bool | None) -> str:
    """What is to be said beside a number whose interval holds the base rate."""
    return "too few to be sure" if passed is None else ""
