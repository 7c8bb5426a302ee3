"""Numbers as a few bins: by quantiles of one sample, with a bin of its own for null."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

DECILES = np.arange(10) / 10
NULL_BIN = 0


def matrix(rows: pl.DataFrame, names: Sequence[str]) -> np.ndarray:
    """float64 [rows, names], NaN for null and for what is not finite."""
    values = rows.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in names).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def edges(values: np.ndarray) -> np.ndarray:
    """At each decile of the known values, midway to the next value that is known; ascending, empty for one value.

    The minimum counts as a decile, since of a value that nearly all rows have every other decile is that value. Midway,
    so that a value that many have does not change its bin where all of them move a little, as a shared prior does.
    """
    known = np.unique(values[~np.isnan(values)])
    if known.size < 2:
        return known[:0]
    at = np.quantile(values[~np.isnan(values)], DECILES, method="lower")
    below = np.unique(np.minimum(np.searchsorted(known, at), known.size - 2))
    return np.asarray((known[below] + known[below + 1]) / 2)


def binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the bin: 0 for null, else 1 + edges below the value.

    >>> binned(np.array([np.nan, 0.0, 0.5, 9.0]), np.array([0.25, 1.0])).tolist()
    [0, 1, 2, 3]
    """
    return np.where(np.isnan(values), NULL_BIN, 1 + np.searchsorted(edges, values, side="left"))
