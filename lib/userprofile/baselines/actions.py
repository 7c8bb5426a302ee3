"""What a user does next, by the simplest rules. `classes` are codes of actions that training rows had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.purchase import PRIOR_ROWS
from userprofile.feed.lists import lengths, list_array
from userprofile.spec import places_of

LABEL, SEQUENCE = "label_next_action", "sequence_action"

# Events of an action: none, one, two to four, more.
COUNT_EDGES = (1, 2, 5)


@dataclass(frozen=True)
class ActionRates:
    """Everyone's next action is drawn by the shares of training rows."""

    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, classes: Sequence[int]) -> ActionRates:
        """Reads label_next_action of rows that have one; needs at least one."""
        return cls(tuple(_shares(_next_place(train, classes), len(classes)).tolist()))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, A] probabilities."""
        return np.tile(np.array(self.shares), (table.num_rows, 1))


@dataclass(frozen=True)
class ActionMarkov:
    """The next action is drawn by the shares of training rows with the same last action: a first-order Markov chain."""

    classes: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]  # by last action's place in classes; the last row: another, or none

    @classmethod
    def fit(cls, train: pa.Table, *, classes: Sequence[int]) -> ActionMarkov:
        """Reads label_next_action of rows that have one, and sequence_action; needs at least one row."""
        size, following, last = len(classes), _next_place(train, classes), _last_place(train, classes)
        counts = np.bincount(last * size + following, minlength=(size + 1) * size).reshape(size + 1, size)
        drawn = counts + PRIOR_ROWS * _shares(following, size)
        return cls(tuple(classes), tuple(map(tuple, (drawn / drawn.sum(axis=1, keepdims=True)).tolist())))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, A] probabilities; reads sequence_action."""
        return np.array(self.shares)[_last_place(table, self.classes)]


@dataclass(frozen=True)
class ActionShares:
    """Everyone does each action in the window with the share of training rows that did."""

    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, *, classes: Sequence[int]) -> ActionShares:
        """Reads label_window_actions; needs at least one row."""
        return cls(tuple((_counts(train, "label_window_actions", classes) > 0).mean(axis=0).tolist()))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, A] probabilities."""
        return np.tile(np.array(self.shares), (table.num_rows, 1))


@dataclass(frozen=True)
class ActionHabits:
    """Who did an action as often does it as likely: shares of training rows by its count among their last events."""

    classes: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]  # by action, then by bucket of COUNT_EDGES

    @classmethod
    def fit(cls, train: pa.Table, *, classes: Sequence[int]) -> ActionHabits:
        """Reads label_window_actions and sequence_action; needs at least one row."""
        did = _counts(train, "label_window_actions", classes) > 0
        bucket, buckets = np.digitize(_counts(train, SEQUENCE, classes), COUNT_EDGES), len(COUNT_EDGES) + 1
        shares = []
        for of_action, in_bucket in zip(did.T, bucket.T, strict=True):
            rows = np.bincount(in_bucket, minlength=buckets) + PRIOR_ROWS
            doers = np.bincount(in_bucket, weights=of_action, minlength=buckets) + PRIOR_ROWS * of_action.mean()
            shares.append(tuple((doers / rows).tolist()))
        return cls(tuple(classes), tuple(shares))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, A] probabilities; reads sequence_action."""
        bucket = np.digitize(_counts(table, SEQUENCE, self.classes), COUNT_EDGES)
        return np.take_along_axis(np.array(self.shares).T, bucket, axis=0)


def _shares(place: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(np.bincount(place, minlength=size) / len(place))


def _next_place(table: pa.Table, classes: Sequence[int]) -> np.ndarray:
    return places_of(table[LABEL].to_numpy(), classes)


def _last_place(table: pa.Table, classes: Sequence[int]) -> np.ndarray:
    """int [rows]; len(classes) where the last action is another one, or there is none."""
    lists = list_array(table[SEQUENCE])
    values, has = lists.values.to_numpy(), lengths(lists) > 0
    place = np.full(table.num_rows, len(classes))
    of_last = places_of(values[lists.offsets.to_numpy()[1:][has] - 1], classes)
    place[has] = np.where(of_last < 0, len(classes), of_last)
    return place


def _counts(table: pa.Table, column: str, classes: Sequence[int]) -> np.ndarray:
    """[rows, A] how often each action is in the row's list."""
    lists = list_array(table[column]).flatten()
    row = np.repeat(np.arange(table.num_rows), lengths(list_array(table[column])))
    place = places_of(lists.to_numpy(), classes)
    cells = row[place >= 0] * len(classes) + place[place >= 0]
    return np.bincount(cells, minlength=table.num_rows * len(classes)).reshape(table.num_rows, len(classes))
