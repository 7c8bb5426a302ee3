"""How numbers about a user are brought to one scale, fixed on training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# A normal distribution has skewness 0, an exponential one 2: beyond that a few rows would rule the scale.
HEAVY_TAIL_SKEWNESS = 2.0

# Of a distribution: enough for its tails to a third of a percent, few enough for a batch of all features to be small.
QUANTILES = 33


@dataclass(frozen=True)
class DenseFeature:
    """One number about a user; `mean` and `scale` are those of the value after `signed_log` where `logarithm`.

    Where there are `knots`, rising, a value counts by its place among them instead: `levels` are their shares of
    training rows that are lower, those of equal ones by half.
    """

    name: str
    mean: float
    scale: float
    logarithm: bool
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()

    @property
    def typical(self) -> float:
        """The value that lies in the middle of the scale."""
        if self.knots:
            return float(np.interp(0.5, self.levels, self.knots))
        return float(np.sign(self.mean) * np.expm1(abs(self.mean))) if self.logarithm else self.mean


def dense_features(train: pa.Table, names: Sequence[str], *, quantiles: bool) -> Iterator[DenseFeature]:
    """In the order of names; one that is all null or constant is left out."""
    for name in names:
        values = dense_values(train[name])
        values = values[np.isfinite(values)]
        if not values.size or np.ptp(values) == 0:
            continue
        logarithm = skewness(values) > HEAVY_TAIL_SKEWNESS
        known = signed_log(values) if logarithm else values
        knots, levels = _quantiles(values) if quantiles else ((), ())
        yield DenseFeature(name, float(known.mean()), float(known.std()), logarithm, knots, levels)


def _quantiles(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Each quantile once, and the mean of its levels: what many rows share is at the middle of these rows."""
    knots, place = np.unique(np.quantile(values, np.linspace(0, 1, QUANTILES)), return_inverse=True)
    levels = np.bincount(place, np.linspace(0, 1, QUANTILES)) / np.bincount(place)
    return tuple(knots.tolist()), tuple(levels.tolist())


def signed_log(values: np.ndarray) -> np.ndarray:
    """sign(x) * ln(1 + |x|): 0 stays 0, the sign stays, NaN stays."""
    return np.sign(values) * np.log1p(np.abs(values))


def dense_values(column: pa.ChunkedArray) -> np.ndarray:
    """float64 [rows], NaN for null."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False) if len(column) else np.empty(0)


def skewness(values: np.ndarray) -> float:
    """Fisher-Pearson coefficient m3 / m2**1.5; 0 for a symmetric sample, 2 for an exponential one."""
    centred = values - values.mean()
    return float(np.mean(centred**3) / np.mean(centred**2) ** 1.5)
