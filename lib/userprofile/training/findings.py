"""What the inputs of a batch hold that no network can learn from: values that are no finite numbers, or far off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

import numpy as np

from userprofile.feed.histories import HistorySpec
from userprofile.feed.read import Batch
from userprofile.numbers import signed_log
from userprofile.spec import FeatureSpec
from userprofile.training.progress import WEIGHT

DENSE, LABEL = "dense", "label_"


@dataclass(frozen=True, order=True)
class Place:
    """Where a row lies in the pinned version of the table; rows of a row group are counted from 0."""

    file: str
    row_group: int
    row: int

    def __str__(self) -> str:
        return f"row {self.row:,} of row group {self.row_group} of {PurePath(self.file).name}"


@dataclass(frozen=True)
class Finding:
    """Of a step of one rank: `features` that hold such values, in words what was found, and where its rows lie."""

    features: tuple[str, ...]
    told: str
    row_groups: str


def finding(batch: Batch, spec: FeatureSpec | HistorySpec, places: Sequence[Place | None]) -> Finding:
    """Of a batch as feed.read gives it; `places` are of its rows, None for padding.

    An infinite dense feature is told of, and is no culprit: the network reads it as null (model.embeddings).
    """
    bad = [(name, rows) for name, rows in _no_numbers(batch) if rows.any()]
    told = [f"{name} is infinite or no number in {_rows(rows, places)}" for name, rows in bad]
    if isinstance(spec, FeatureSpec):
        dense = batch[DENSE].astype(np.float64)
        told += [] if bad else [f"no input is infinite{_furthest(dense, spec, places)}"]
        told += [f"{name} is infinite, read as null, in {where}" for name, where in _infinite(dense, spec, places)]
    told = told or ["no input is infinite"]
    return Finding(tuple(name for name, _ in bad), "; ".join(told), _row_groups(places))


def _no_numbers(batch: Batch) -> Iterator[tuple[str, np.ndarray]]:
    """By input or label, which rows hold one. NaN is null, and legal, among labels.

    Habits are more of the same column that a sequence is of, and told by its name.
    """
    found: dict[str, np.ndarray] = {}
    for name, values in batch.items():
        if name not in (DENSE, WEIGHT) and np.issubdtype(values.dtype, np.floating):
            is_bad = np.isinf(values) if name.startswith(LABEL) else ~np.isfinite(values)
            column = name.replace("habit_", "sequence_")
            rows = np.asarray(is_bad.reshape(len(values), -1).any(axis=1))
            found[column] = found.get(column, False) | rows
    yield from found.items()


def _infinite(dense: np.ndarray, spec: FeatureSpec, places: Sequence[Place | None]) -> Iterator[tuple[str, str]]:
    for name, rows in zip(spec.dense_names, np.isinf(dense).T, strict=True):
        if rows.any():
            yield name, _rows(rows, places)


def _furthest(dense: np.ndarray, spec: FeatureSpec, places: Sequence[Place | None]) -> str:
    """The finite value that is furthest from the mean of training rows, by its feature's own deviation."""
    if not spec.dense:
        return ""
    logarithm = np.array([feature.logarithm for feature in spec.dense])
    mean, scale = (np.array([getattr(feature, name) for feature in spec.dense]) for name in ("mean", "scale"))
    far = np.abs(np.where(logarithm, signed_log(dense), dense) - mean) / scale
    far[~np.isfinite(far)] = 0
    far[[place is None for place in places]] = 0
    row, feature = np.unravel_index(far.argmax(), far.shape)
    value = f"{dense[row, feature]:.6g}, {far[row, feature]:.3g} standard deviations from its mean"
    return f"; the furthest is {spec.dense_names[feature]} with {value}, in {places[row]}"


def _rows(rows: np.ndarray, places: Sequence[Place | None]) -> str:
    first = places[int(np.flatnonzero(rows)[0])]
    return f"{first}" if rows.sum() == 1 else f"{rows.sum():,} rows, the first {first}"


def _row_groups(places: Sequence[Place | None]) -> str:
    found = sorted({(place.file, place.row_group) for place in places if place is not None})
    files = groupby(found, key=lambda one: one[0])
    return "; ".join(f"{', '.join(str(group) for _, group in of)} of {PurePath(file).name}" for file, of in files)
