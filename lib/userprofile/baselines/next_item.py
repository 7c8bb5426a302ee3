"""Rules that say which item comes next in a history: what a network of sequences has to beat.

U users, K known items. A rule gives each user a distribution over all items, or zeros where it has nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from userprofile.baselines.distributions import shares_of_sparse
from userprofile.baselines.factors import ImplicitFactors
from userprofile.baselines.item_histories import DECAY_AN_EVENT, ItemHistories
from userprofile.baselines.neighbours import UserNeighbours

# How far a sequential rule reaches.
LONGEST_STEP = 3


class NextItemRule(Protocol):
    """Fitted on training histories."""

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        """float32 [U, K] of what comes after each history; a row adds up to 1, or is 0."""


@dataclass(frozen=True)
class Popularity:
    """The share of each item in all events."""

    shares: np.ndarray  # [K]

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> Popularity:
        counts = np.bincount(histories.items[histories.items >= 0], minlength=items)
        return cls((counts / max(counts.sum(), 1)).astype(np.float32))

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        return np.tile(self.shares, (len(histories), 1))


@dataclass(frozen=True)
class LastSeen:
    """What the user had before, the more the later."""

    items: int

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> LastSeen:
        return cls(items)

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        return shares_of_sparse(histories.weighted(self.items))


@dataclass(frozen=True)
class MarkovChain:
    """What followed the user's last item in the histories of all, first order."""

    followers: sparse.csr_matrix  # [K, K] counts

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> MarkovChain:
        return cls(_steps(histories, items, longest=1))

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        last = histories.last()
        rows = self.followers[np.maximum(last, 0)].multiply((last >= 0)[:, None])
        return shares_of_sparse(rows.tocsr())


@dataclass(frozen=True)
class SequentialRules:
    """What followed any of the user's items within LONGEST_STEP events, a step of d events counting 1 / d.

    SR of Ludewig & Jannach 2018 (arXiv:1803.09587), over the whole history, later items counting more.
    """

    followers: sparse.csr_matrix  # [K, K]

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> SequentialRules:
        return cls(_steps(histories, items, longest=LONGEST_STEP))

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        return shares_of_sparse(histories.weighted(self.followers.shape[0]) @ self.followers)


@dataclass(frozen=True)
class ItemCosine:
    """Items whose users are those of the user's items: cosine of binary user vectors (Sarwar et al. 2001)."""

    similar: sparse.csr_matrix  # [K, K], 0 on the diagonal
    decay: float = DECAY_AN_EVENT

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> ItemCosine:
        # Here and not above: it takes a second, and most jobs fit nothing.
        from sklearn.metrics.pairwise import cosine_similarity

        of_users = histories.counts(items) > 0
        similar = cosine_similarity(of_users.T.astype(np.float64), dense_output=False)
        return cls((similar - sparse.diags(similar.diagonal())).tocsr())

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        return shares_of_sparse(histories.weighted(self.similar.shape[0], decay=self.decay) @ self.similar)


Rule = Popularity | LastSeen | MarkovChain | SequentialRules | ItemCosine | UserNeighbours | ImplicitFactors

RULES: dict[str, type[Rule]] = {
    "popularity": Popularity,
    "last_seen": LastSeen,
    "markov": MarkovChain,
    "sequential_rules": SequentialRules,
    "item_cosine": ItemCosine,
    "user_user": UserNeighbours,
    "als": ImplicitFactors,
}


def _steps(histories: ItemHistories, items: int, *, longest: int) -> sparse.csr_matrix:
    """[K, K]: how often an item came so many events after another of the same user, 1 / their distance each."""
    total = sparse.csr_matrix((items, items), dtype=np.float64)
    users = histories.users()
    for distance in range(1, longest + 1):
        before, after = histories.items[:-distance], histories.items[distance:]
        kept = (users[:-distance] == users[distance:]) & (before >= 0) & (after >= 0)
        weights = np.full(int(kept.sum()), 1 / distance)
        total += sparse.csr_matrix((weights, (before[kept], after[kept])), shape=(items, items))
    return total
