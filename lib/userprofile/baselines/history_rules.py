"""Rules of next_item as rungs: what they say of the user's last events, small enough to be stored as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from userprofile.baselines.distributions import before_popularity, shares_of
from userprofile.baselines.factors import ImplicitFactors
from userprofile.baselines.item_histories import ItemHistories
from userprofile.baselines.neighbours import UserNeighbours, evenly
from userprofile.baselines.next_item import ItemCosine, MarkovChain, NextItemRule
from userprofile.baselines.sets import Popularity
from userprofile.feed.lists import list_array

# Of a rule that is stored: the strongest of what each class leads to, and users whose histories speak for others.
LEADS_TO, USERS = 20, 2_000
DIGITS = 4

Learnt = Any  # np.ndarray or sparse.csr_matrix
Stored = tuple[tuple[float, ...], ...]  # the rows of an array; or starts, columns and values of a sparse matrix


@dataclass(frozen=True)
class _Kind:
    rule: type[Any]
    learnt: str  # its field that fitting fills
    settings: Mapping[str, Any] = field(default_factory=dict)


# A window is asked about and no single next event, so all events count alike.
KINDS: dict[str, _Kind] = {
    "markov": _Kind(MarkovChain, "followers"),
    "item_cosine": _Kind(ItemCosine, "similar", {"decay": 1.0}),
    "user_user": _Kind(UserNeighbours, "had"),
    "als": _Kind(ImplicitFactors, "items"),
}


@dataclass(frozen=True)
class HistoryRule:
    """One of KINDS, with popularity behind it; alone where the user had nothing that the rule knows."""

    rule: str
    sequence: str
    classes: tuple[int, ...]
    shares: tuple[float, ...]
    learnt: Stored

    @classmethod
    def fit(cls, train: pa.Table, *, rule: str, label: str, sequence: str, classes: Sequence[int]) -> HistoryRule:
        """Reads `label`, and `sequence` of each user's latest row, so that no event counts twice; needs a row."""
        shares = Popularity.fit(train, label=label, classes=classes).shares
        kind, histories = KINDS[rule], _histories(_latest_of_users(train)[sequence], classes)
        learnt = getattr(kind.rule.fit(histories, len(classes)), kind.learnt)
        return cls(rule, sequence, tuple(classes), shares, _stored(_bounded(learnt, rule)))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] shares that add up to 1; reads `sequence`."""
        said = self._rule.distributions(_histories(table[self.sequence], self.classes))
        return shares_of(before_popularity(said, np.array(self.shares)))

    @cached_property
    def _rule(self) -> NextItemRule:
        kind = KINDS[self.rule]
        rule: NextItemRule = kind.rule(**{kind.learnt: self._learnt(), **kind.settings})
        return rule

    def _learnt(self) -> Learnt:
        if self.rule == "als":
            return np.array(self.learnt)
        starts, columns, values = (np.array(part) for part in self.learnt)
        shape = (len(starts) - 1, len(self.classes))
        return sparse.csr_matrix((values, columns.astype(np.int64), starts.astype(np.int64)), shape=shape)


def _histories(column: pa.ChunkedArray, classes: Sequence[int]) -> ItemHistories:
    return ItemHistories.of(list_array(column), tuple(classes))


def _latest_of_users(train: pa.Table) -> pa.Table:
    user = train["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((train["as_of_date"].cast(pa.date32()).cast(pa.int32()).to_numpy(), user))
    return train.take(order[np.append(np.diff(user[order]) > 0, True)])


def _bounded(learnt: Learnt, rule: str) -> Learnt:
    if rule == "als":
        return learnt
    return learnt[evenly(learnt.shape[0], USERS)] if rule == "user_user" else strongest(learnt, LEADS_TO)


def strongest(matrix: sparse.csr_matrix, most: int) -> sparse.csr_matrix:
    """The greatest values of each row, at most so many; of equal ones those of lower columns."""
    matrix.sort_indices()
    kept = [
        start + np.sort(np.argsort(-matrix.data[start:end], kind="stable")[:most])
        for start, end in pairwise(matrix.indptr)
    ]
    places = np.concatenate([*kept, np.empty(0, np.int64)]).astype(np.int64)
    lengths = np.cumsum([0, *map(len, kept)])
    return sparse.csr_matrix((matrix.data[places], matrix.indices[places], lengths), shape=matrix.shape)


def _stored(learnt: Learnt) -> Stored:
    if isinstance(learnt, np.ndarray):
        return tuple(_short(row) for row in learnt)
    return tuple(learnt.indptr.tolist()), tuple(learnt.indices.tolist()), _short(learnt.data)


def _short(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
