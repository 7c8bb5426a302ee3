"""Which categories a user buys next, by the simplest rules: [rows, C] scores over a spec's label categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec, vocabulary_index


@dataclass(frozen=True)
class Popularity:
    """Everyone buys what most training rows bought; a score is the share of them that did."""

    shares: tuple[float, ...]

    @classmethod
    def fit(cls, train: pa.Table, spec: FeatureSpec) -> Popularity:
        """Reads label_next_categories; needs at least one row."""
        counts = _counts(train, "label_next_categories", spec)
        return cls(tuple(float(share) for share in (counts > 0).mean(axis=0)))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] scores, the same in each row."""
        return np.tile(np.array(self.shares), (table.num_rows, 1))


@dataclass(frozen=True)
class UserFrequency:
    """A user buys again what their last events were about; ties, and what they never touched, go by popularity."""

    spec: FeatureSpec
    popularity: Popularity

    @classmethod
    def fit(cls, train: pa.Table, spec: FeatureSpec) -> UserFrequency:
        """Reads label_next_categories; needs at least one row."""
        return cls(spec, Popularity.fit(train, spec))

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows, C] events of the category in the row's sequence, plus a popularity below 1."""
        counts = _counts(table, self.spec.category_column, self.spec)
        return counts + 0.5 * np.array(self.popularity.shares)


def _counts(table: pa.Table, column: str, spec: FeatureSpec) -> np.ndarray:
    """[rows, C] how often each label category is in the row's list."""
    lists = table[column]
    codes, rows = pc.list_flatten(lists).to_numpy(), pc.list_parent_indices(lists).to_numpy()
    place = vocabulary_index(codes, spec.label_categories) - FIRST_KNOWN_INDEX
    categories = len(spec.label_categories)
    cells = rows[place >= 0] * categories + place[place >= 0]
    return np.bincount(cells, minlength=table.num_rows * categories).reshape(table.num_rows, categories)
