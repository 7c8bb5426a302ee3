"""Features that tell the same: clusters by rank correlation."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata


def spearman(values: np.ndarray) -> np.ndarray:
    """[features, features] rank correlations; null counts as below every value. No column may be constant."""
    ranks = rankdata(np.where(np.isnan(values), -np.inf, values), axis=0)
    return np.atleast_2d(np.corrcoef(ranks, rowvar=False))


def clusters(correlations: np.ndarray, *, least: float) -> np.ndarray:
    """[features] numbers of clusters, in each of which any two features have |correlation| >= `least`.

    Complete linkage: the distance of two clusters, 1 - |correlation|, is that of their farthest members.
    """
    if len(correlations) < 2:
        return np.ones(len(correlations), dtype=int)
    distances = np.clip(1 - np.abs(correlations), 0, 1)
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), method="complete")
    return np.asarray(fcluster(tree, t=1 - least, criterion="distance"))
