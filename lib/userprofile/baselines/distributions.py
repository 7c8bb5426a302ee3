"""Rows of scores as distributions over items, with popularity behind them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

# So little of every distribution is popularity's: of items that are the same to a rule the more popular comes first.
BEHIND = 1e-6


def shares_of(rows: np.ndarray) -> np.ndarray:
    """The same rows, each adding up to 1; zeros stay."""
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), np.finfo(rows.dtype).tiny))


def shares_of_sparse(rows: sparse.csr_matrix) -> np.ndarray:
    """As shares_of, float32 and dense."""
    return shares_of(rows.toarray().astype(np.float32))


def before_popularity(shares: np.ndarray, popularity: np.ndarray) -> np.ndarray:
    """[U, K] in double precision, in single of which popularity would be lost; of who has zeros, popularity alone."""
    return (1 - BEHIND) * shares.astype(np.float64) + BEHIND * popularity
