"""Which of several classes, categories or items, a user turns to next, by the simplest rules: [rows, C] scores.

A `label` column lists the codes that came, a `sequence` column those of the user's last events, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.distributions import before_popularity, shares_of
from userprofile.feed.lists import lengths, list_array
from userprofile.spec import places_of

# Less than any event: it orders what a user never met.
OF_THE_REST = 1e-3

# Days before the latest training date in which a row loses half its weight for recent popularity.
HALF_LIFE_DAYS = 30.0


@dataclass(frozen=True)
class Popularity:
    """Everyone turns to what most training rows did; a score is the share of them that did."""

    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, label: str, classes: Sequence[int]) -> Popularity:
        """Reads `label`; needs at least one row."""
        return cls._of(train, np.ones(train.num_rows), label, classes)

    @classmethod
    def fit_recent(cls, train: pa.Table, *, label: str, classes: Sequence[int]) -> Popularity:
        """Rows count half as much for each HALF_LIFE_DAYS that their as_of_date is before the latest."""
        days = train["as_of_date"].cast(pa.date32()).cast(pa.int32()).to_numpy()
        return cls._of(train, 0.5 ** ((days.max() - days) / HALF_LIFE_DAYS), label, classes)

    @classmethod
    def _of(cls, train: pa.Table, weights: np.ndarray, label: str, classes: Sequence[int]) -> Popularity:
        row, place, _ = _cells(train, label, classes)
        cells = np.unique(row * len(classes) + place)
        did = np.bincount(cells % len(classes), weights=weights[cells // len(classes)], minlength=len(classes))
        return cls(tuple((did / weights.sum()).tolist()))

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


@dataclass(frozen=True)
class CategoryPopularity:
    """A user turns to what is popular in the categories of their last events, by the share of these in each category.

    A class's category is that of most events of training rows about it.
    """

    sequence: str  # its categories
    categories: tuple[int, ...]  # of each class, 0 where no event was about it
    shares: tuple[float, ...]

    @classmethod
    def fit(
        cls, train: pa.Table, *, label: str, sequence: str, of_categories: str, classes: Sequence[int]
    ) -> CategoryPopularity:
        """Reads `label`, `sequence` and, event by event beside it, `of_categories`; needs at least one row."""
        shares = Popularity.fit(train, label=label, classes=classes).shares
        place = places_of(list_array(train[sequence]).flatten().to_numpy(), classes)
        category = list_array(train[of_categories]).flatten().to_numpy()[place >= 0]
        pairs, events = np.unique(np.stack([place[place >= 0], category]), axis=1, return_counts=True)
        categories = np.zeros(len(classes), np.int64)
        order = np.argsort(events, kind="stable")  # the most frequent is written last
        categories[pairs[0, order]] = pairs[1, order]
        return cls(of_categories, tuple(categories.tolist()), shares)

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] shares that add up to 1; of who had none of the categories, popularity."""
        shares, (known, of_class) = np.array(self.shares), np.unique(self.categories, return_inverse=True)
        row, place, _ = _cells(table, self.sequence, known.tolist())
        size = len(known)
        events = np.bincount(row * size + place, minlength=table.num_rows * size).reshape(table.num_rows, size)
        within = shares / np.maximum(
            np.bincount(of_class, weights=shares, minlength=size)[of_class], np.finfo(float).tiny
        )
        events = events * (known > 0)
        return shares_of(before_popularity(shares_of(events.astype(np.float64))[:, of_class] * within, shares))


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
