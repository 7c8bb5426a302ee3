"""Histories of items as two flat arrays, and as a matrix of users and items.

U users, K known items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import sparse

from userprofile.spec import FIRST_KNOWN_INDEX, vocabulary_index

# Of an event against the one after it, where a rule looks at more than the last.
DECAY_AN_EVENT = 0.7


@dataclass(frozen=True)
class ItemHistories:
    """The items of users' events, one user after the other, oldest first; -1 for one that is not known.

    User u's are items[starts[u]:starts[u + 1]].
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
        """What comes before each user's last event, and the item of that event; every user must have one."""
        is_last = np.zeros(len(self.items), bool)
        is_last[self.starts[1:] - 1] = True
        return ItemHistories(self.items[~is_last], self.starts - np.arange(len(self.starts))), self.items[is_last]

    def last(self) -> np.ndarray:
        """int [U], the item of each user's last event; -1 also for who has none."""
        last, has = np.full(len(self), -1), np.diff(self.starts) > 0
        last[has] = self.items[self.starts[1:][has] - 1]
        return last

    def users(self) -> np.ndarray:
        """int [events], whose each is."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def from_end(self) -> np.ndarray:
        """int [events], 0 for a user's last one."""
        return np.repeat(self.starts[1:], np.diff(self.starts)) - 1 - np.arange(len(self.items))

    def counts(self, items: int) -> sparse.csr_matrix:
        """[U, K], how many events of each item."""
        return self._matrix(np.ones(len(self.items)), items)

    def weighted(self, items: int, *, decay: float = DECAY_AN_EVENT) -> sparse.csr_matrix:
        """[U, K], `decay` to the power of how many events came after, added up."""
        return self._matrix(decay ** self.from_end(), items)

    def _matrix(self, weights: np.ndarray, items: int) -> sparse.csr_matrix:
        known = self.items >= 0
        cells = (self.users()[known], self.items[known])
        return sparse.csr_matrix((weights[known], cells), shape=(len(self), items))
