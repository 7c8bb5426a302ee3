"""What users had whose histories are like this one: user-based collaborative filtering."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from userprofile.baselines.distributions import shares_of_sparse
from userprofile.baselines.item_histories import ItemHistories

# Users whose histories speak for one, and users among whom they are sought at most, taken in even steps.
NEAREST, SOUGHT_AMONG = 50, 20_000


@dataclass(frozen=True)
class UserNeighbours:
    """An item counts the cosines of those of the NEAREST users who had it, as binary vectors of items.

    Breese, Heckerman and Kadie 1998, "Empirical Analysis of Predictive Algorithms for Collaborative Filtering". A user
    who is among the fitted ones is their own nearest, so what they had counts too.
    """

    had: sparse.csr_matrix  # [users, K], 1 or nothing

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> UserNeighbours:
        return cls(_had(histories.of_users(evenly(len(histories), SOUGHT_AMONG)), items))

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        if not len(histories):
            return np.zeros((0, self.had.shape[1]), np.float32)
        distances, users = self._search.kneighbors(_had(histories, self.had.shape[1]))
        starts = np.arange(len(users) + 1) * users.shape[1]
        cosines = np.maximum(1 - distances, 0).ravel()
        near = sparse.csr_matrix((cosines, users.ravel(), starts), shape=(len(users), self.had.shape[0]))
        return shares_of_sparse(near @ self.had)

    @cached_property
    def _search(self) -> Any:
        # Here and not above: it takes a second, and most jobs fit nothing.
        from sklearn.neighbors import NearestNeighbors

        nearest = min(NEAREST, self.had.shape[0])
        return NearestNeighbors(n_neighbors=nearest, metric="cosine", algorithm="brute").fit(self.had)


def evenly(size: int, most: int) -> np.ndarray:
    """int, at most so many places of [0, size), in even steps."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))


def _had(histories: ItemHistories, items: int) -> sparse.csr_matrix:
    counts = histories.counts(items)
    counts.data = np.ones(len(counts.data))
    return counts
