"""Has a feature's distribution moved? The population stability index between two groups of rows.

Index and limits: N. Siddiqi, Credit Risk Scorecards (2006). Its size by chance: B. Yurdakul, Statistical Properties of
Population Stability Index (2018): chi-squared of bins - 1, times 1 / rows of the one + 1 / rows of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import chi2

from userprofile.selection.bins import binned, edges, matrix

NOTICEABLE, LARGE = 0.1, 0.25
CHANCE = 0.999  # of the index between two samples of one distribution to lie below `by_chance`
_EMPTY_BIN = 0.5  # rows added to every bin of either side, so that the logarithm of an empty one is finite


@dataclass(frozen=True)
class Drift:
    """How far a feature moved from one group of rows to another."""

    feature: str
    earlier: str
    later: str
    index: float
    by_chance: float  # an index that samples of this size reach without any drift

    @property
    def strength(self) -> str:
        """In words; nothing where chance alone might have made it."""
        if self.index <= self.by_chance or self.index < NOTICEABLE:
            return ""
        return "large" if self.index >= LARGE else "noticeable"


def drifts(
    earlier: pl.DataFrame, later: pl.DataFrame, *, names: Sequence[str], between: tuple[str, str]
) -> list[Drift]:
    """One entry per name, a column of both frames; none where a frame has no rows. Words are bins of their own."""
    if earlier.is_empty() or later.is_empty():
        return []
    return [Drift(name, *between, *_moved(earlier[name], later[name])) for name in names]


def _moved(earlier: pl.Series, later: pl.Series) -> tuple[float, float]:
    if isinstance(earlier.dtype, (pl.String, pl.Enum)):
        return stability_of_words(*(side.cast(pl.String).fill_null("").to_numpy() for side in (earlier, later)))
    return stability(*(matrix(side.to_frame(), [side.name])[:, 0] for side in (earlier, later)))


def stability(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """The index over the deciles of `before` and a bin of nulls, and what chance makes of it.

    Sum of (share after - share before) * ln(share after / share before); 0 where nothing moved.
    """
    limits = edges(before)
    bins = len(limits) + 2
    return _of_counts(*(np.bincount(binned(values, limits), minlength=bins) for values in (before, after)))


def stability_of_words(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """The same over words, "" standing for null."""
    places = np.unique(np.concatenate([before, after]), return_inverse=True)[1]
    return _of_counts(*(np.bincount(side, minlength=places.max() + 1) for side in np.split(places, [len(before)])))


def _of_counts(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    used = (before + after) > 0
    expected, actual = (_shares(count[used]) for count in (before, after))
    index = float(np.sum((actual - expected) * np.log(actual / expected)))
    freedom = max(1, int(used.sum()) - 1)
    return index, float(chi2.ppf(CHANCE, freedom)) * (1 / int(before.sum()) + 1 / int(after.sum()))


def _shares(counts: np.ndarray) -> np.ndarray:
    return (counts + _EMPTY_BIN) / (counts.sum() + _EMPTY_BIN * len(counts))
