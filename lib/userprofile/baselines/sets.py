"""Which of several classes, categories or items, a user turns to next, by the simplest rules: [rows, C] scores.

A `label` column lists the codes that came, a `sequence` column those of the user's last events, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.feed.lists import lengths, list_array
from userprofile.spec import places_of

# Less than any event: it orders what a user never met.
OF_THE_REST = 1e-3


@dataclass(frozen=True)
class Popularity:
    """Everyone turns to what most training rows did; a score is the share of them that did."""

    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, label: str, classes: Sequence[int]) -> Popularity:
        """Reads `label`; needs at least one row."""
        row, place, _ = _cells(train, label, classes)
        cells = np.unique(row * len(classes) + place)
        counts = np.bincount(cells % len(classes), minlength=len(classes))
        return cls(tuple((counts / train.num_rows).tolist()))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] scores, the same in each row."""
        return np.tile(np.array(self.shares), (table.num_rows, 1))


@dataclass(frozen=True)
class UserFrequency:
    """A user turns again to what their last events were about; ties, and what they never met, go by popularity."""

    sequence: str
    classes: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, label: str, sequence: str, classes: Sequence[int]) -> UserFrequency:
        """Reads `label`; needs at least one row."""
        return cls(sequence, tuple(classes), Popularity.fit(train, label=label, classes=classes).shares)

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] events of the class in the row's sequence, plus a popularity far below 1; reads `sequence`."""
        row, place, _ = _cells(table, self.sequence, self.classes)
        size = len(self.classes)
        counts = np.bincount(row * size + place, minlength=table.num_rows * size).reshape(table.num_rows, size)
        return counts + OF_THE_REST * np.array(self.shares)


@dataclass(frozen=True)
class LastSeen:
    """A user turns again to what they met last: 1 / (1 + events since); what they never met goes by popularity."""

    sequence: str
    classes: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, label: str, sequence: str, classes: Sequence[int]) -> LastSeen:
        """Reads `label`; needs at least one row."""
        return cls(sequence, tuple(classes), Popularity.fit(train, label=label, classes=classes).shares)

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] scores; reads `sequence`."""
        row, place, since = _cells(table, self.sequence, self.classes)
        scores = np.tile(OF_THE_REST * np.array(self.shares), (table.num_rows, 1))
        np.maximum.at(scores, (row, place), 1 / (1.0 + since))
        return scores


def _cells(table: pa.Table, column: str, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each listed code that is a class: its row, its place among classes, and how many codes of the row follow."""
    lists = list_array(table[column])
    counts, ends = lengths(lists), lists.offsets.to_numpy()[1:]
    row = np.repeat(np.arange(table.num_rows), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    at = ends[row] - counts[row] + within
    place = places_of(lists.values.to_numpy()[at], classes)
    known = place >= 0
    return row[known], place[known], (counts[row] - 1 - within)[known]
