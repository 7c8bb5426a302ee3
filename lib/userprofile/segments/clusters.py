"""K-means over embeddings, with a number of clusters that the users decide: N users, E numbers, K clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

STARTS = 4  # of each fit: the best one counts


@dataclass(frozen=True)
class Clusters:
    """`strengths` are the prediction strengths of every number of clusters that was tried and allowed."""

    centres: np.ndarray  # [K, E]
    strengths: Mapping[int, float]

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[N] place of the nearest centre, and the distance from it."""
        from sklearn.metrics import pairwise_distances_argmin_min

        place, distance = pairwise_distances_argmin_min(vectors, self.centres)
        return np.asarray(place), np.asarray(distance)


def fitted(vectors: np.ndarray, *, most: int, least_share: float, least_strength: float, seed: int) -> Clusters:
    """The most clusters, up to `most`, that one half of the users foretells of the other: whose prediction strength is
    at least `least_strength`, and of which each has `least_share` of the users; else all are one.

    Tibshirani & Walther 2005, "Cluster Validation by Prediction Strength" (doi:10.1198/106186005X59243). Needs at least
    one user.
    """
    # Here and not above: it takes a second, and most jobs need none.
    from sklearn.cluster import KMeans

    halves = np.array_split(np.random.default_rng(seed).permutation(len(vectors)), 2)
    different = min(len(np.unique(vectors[half], axis=0)) for half in halves)
    strengths: dict[int, float] = {}
    for clusters in range(2, min(most, different) + 1):
        one, other = (KMeans(clusters, n_init=STARTS, random_state=seed).fit(vectors[half]) for half in halves)
        found = (
            prediction_strength(there.labels_, here.predict(vectors[half]))
            for here, there, half in ((one, other, halves[1]), (other, one, halves[0]))
        )
        strengths[clusters] = sum(found) / 2
    for clusters in sorted(strengths, reverse=True):
        if strengths[clusters] >= least_strength:
            model = KMeans(clusters, n_init=STARTS, random_state=seed).fit(vectors)
            if np.bincount(model.labels_, minlength=clusters).min() >= least_share * len(vectors):
                return Clusters(model.cluster_centers_, strengths)
    return Clusters(vectors.mean(axis=0)[None, :], strengths)


def prediction_strength(own: np.ndarray, foretold: np.ndarray) -> float:
    """Of users by their own clusters [N], the least share of a cluster's pairs that others' centres put together too;
    1 where all are.
    """
    shares = []
    for cluster in np.unique(own):
        together = np.bincount(foretold[own == cluster])
        pairs = together.sum() * (together.sum() - 1)
        shares.append((together * (together - 1)).sum() / pairs if pairs else 1.0)
    return float(min(shares))
