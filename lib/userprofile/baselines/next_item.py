"""Rules that say which item comes next in a history: what a network of sequences has to beat.

U users, K known items. A rule gives each user a distribution over all items, or zeros where it has nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from scipy import sparse

from userprofile.spec import FIRST_KNOWN_INDEX, vocabulary_index

# Of an event against the one after it, where a rule looks at more than the last; and how far a sequential rule reaches.
DECAY_AN_EVENT = 0.7
LONGEST_STEP = 3


@dataclass(frozen=True)
class ItemHistories:
    """The items of users' events, one user after the other, oldest first; -1 for one that is not known.

    User u's are items[starts[u]:starts[u + 1]], at least one.
    """

    items: np.ndarray  # int
    starts: np.ndarray  # int [U + 1]

    @classmethod
    def of(cls, lists: pa.ListArray, vocabulary: tuple[int, ...]) -> ItemHistories:
        """Of codes of silver.codes; numbers are places in the vocabulary."""
        starts = lists.offsets.to_numpy()
        codes = lists.values.to_numpy()[starts[0] : starts[-1]]
        known = vocabulary_index(codes, vocabulary).astype(np.int64) - FIRST_KNOWN_INDEX
        return cls(np.maximum(known, -1), starts - starts[0])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def part(self, first: int, end: int) -> ItemHistories:
        """Users [first, end)."""
        starts = self.starts[first : end + 1]
        return ItemHistories(self.items[starts[0] : starts[-1]], starts - starts[0])

    def of_users(self, users: np.ndarray) -> ItemHistories:
        """Of these users, in this order."""
        lengths = np.diff(self.starts)[users]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        return ItemHistories(
            self.items[np.repeat(self.starts[users] - starts[:-1], lengths) + np.arange(starts[-1])], starts
        )

    def without_last(self) -> tuple[ItemHistories, np.ndarray]:
        """What comes before each user's last event, and the item of that event."""
        is_last = np.zeros(len(self.items), bool)
        is_last[self.starts[1:] - 1] = True
        return ItemHistories(self.items[~is_last], self.starts - np.arange(len(self.starts))), self.items[is_last]

    def users(self) -> np.ndarray:
        """int [events], whose each is."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def from_end(self) -> np.ndarray:
        """int [events], 0 for a user's last one."""
        return np.repeat(self.starts[1:], np.diff(self.starts)) - 1 - np.arange(len(self.items))

    def weighted(self, items: int) -> sparse.csr_matrix:
        """[U, K], DECAY_AN_EVENT to the power of how many events came after."""
        known = self.items >= 0
        weights = DECAY_AN_EVENT ** self.from_end()[known]
        return sparse.csr_matrix((weights, (self.users()[known], self.items[known])), shape=(len(self), items))


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
        return _shares(histories.weighted(self.items))


@dataclass(frozen=True)
class MarkovChain:
    """What followed the user's last item in the histories of all, first order."""

    followers: sparse.csr_matrix  # [K, K] counts

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> MarkovChain:
        return cls(_steps(histories, items, longest=1))

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        last = histories.items[histories.starts[1:] - 1]
        rows = self.followers[np.maximum(last, 0)].multiply((last >= 0)[:, None])
        return _shares(rows.tocsr())


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
        return _shares(histories.weighted(self.followers.shape[0]) @ self.followers)


@dataclass(frozen=True)
class ItemCosine:
    """Items whose users are those of the user's items: cosine of binary user vectors (Sarwar et al. 2001)."""

    similar: sparse.csr_matrix  # [K, K], 0 on the diagonal

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> ItemCosine:
        # Here and not above: it takes a second, and most jobs fit nothing.
        from sklearn.metrics.pairwise import cosine_similarity

        of_users = histories.weighted(items) > 0
        similar = cosine_similarity(of_users.T.astype(np.float64), dense_output=False)
        return cls((similar - sparse.diags(similar.diagonal())).tocsr())

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        return _shares(histories.weighted(self.similar.shape[0]) @ self.similar)


RULES: dict[str, type[Popularity | LastSeen | MarkovChain | SequentialRules | ItemCosine]] = {
    "popularity": Popularity,
    "last_seen": LastSeen,
    "markov": MarkovChain,
    "sequential_rules": SequentialRules,
    "item_cosine": ItemCosine,
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


def _shares(rows: sparse.csr_matrix) -> np.ndarray:
    dense = rows.toarray().astype(np.float32)
    return dense / np.maximum(dense.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
