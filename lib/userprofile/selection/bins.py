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
    """The different deciles of the known values, the minimum among them; ascending, empty where none is known.

    With the minimum, since of a value that nearly all rows have every decile is that value.
    """
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, DECILES)) if known.size else known


def binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the bin: 0 for null, else 1 + edges below the value; a value at an edge lies in the bin below.

    >>> binned(np.array([np.nan, 0.0, 0.5, 9.0]), np.array([0.0, 1.0])).tolist()
    [0, 1, 2, 3]
    """
    return np.where(np.isnan(values), NULL_BIN, 1 + np.searchsorted(edges, values, side="left"))
