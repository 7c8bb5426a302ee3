"""Rows of gold.training_examples, or of features joined with sequences, as the arrays that the profile model takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from userprofile.channels import CHANNELS, channel_key
from userprofile.feed.lists import last_events, list_array, padded_events
from userprofile.feed.read import Batch, require_columns
from userprofile.numbers import dense_values
from userprofile.spec import FeatureSpec, vocabulary_index

SEQUENCES = ("sequence_action", "sequence_item", "sequence_age_days")
_KEYS = (
    "dense",
    *(f"sequence_{name}" for name in ("action", "item", "category", "age_days")),
    *(f"habit_{name}" for name in ("item", "category", "age_days")),
)


@dataclass(frozen=True)
class ExampleForm:
    """As feed.read.Form, of features, and of the labels that `labels` makes of the columns of `label_schema`."""

    spec: FeatureSpec
    label_schema: pa.Schema
    labels: Callable[[pa.Table], Batch]

    def schema(self) -> pa.Schema:
        kinds = {name: pa.float32() if name.endswith("_days") else pa.int32() for name in list_columns(self.spec)}
        lists = {name: pa.list_(kind) for name, kind in kinds.items()}
        dense = dict.fromkeys(self.spec.dense_names, pa.float64())
        dates = dict.fromkeys(_dates(self.spec), pa.date32())
        return pa.schema([*pa.schema({**dense, **lists, **dates}), *self.label_schema])

    def batch(self, table: pa.Table) -> Batch:
        require_columns(table.column_names, self.label_schema.names)
        return {**to_batch(table, self.spec), **self.labels(table)}


def feature_keys(spec: FeatureSpec) -> list[str]:
    """Those of a batch that the network reads."""
    return [*_KEYS, *map(channel_key, spec.channels)]


def feature_columns(spec: FeatureSpec) -> list[str]:
    """The columns of gold.training_examples, or of features joined with sequences, that `spec` reads."""
    return [*spec.dense_names, *list_columns(spec), *_dates(spec)]


def list_columns(spec: FeatureSpec) -> list[str]:
    """Columns of events, each once."""
    return list(dict.fromkeys([*SEQUENCES, spec.category_column, *(CHANNELS[name].column for name in spec.channels)]))


def to_batch(table: pa.Table, spec: FeatureSpec) -> Batch:
    """The features of the rows of `table` as arrays, in their order.

    dense float32 [rows, D], raw, NaN for null; sequence_action (code + 1), sequence_item and sequence_category
    (vocabulary indices), as those of all channels, int32 and sequence_age_days float32, all [rows, T]: the last T
    events, oldest first, padded with 0 at the end; habit_item, habit_category and habit_age_days the same of the last
    habit_length events; weight float32 [rows], all 1. A null list is an empty one. Raises
    DataGateError for a missing column.
    """
    require_columns(table.column_names, feature_columns(spec))
    return {**_features(table, spec), "weight": np.ones(table.num_rows, np.float32)}


def _features(table: pa.Table, spec: FeatureSpec) -> Batch:
    events, habit = _Events(table, spec, spec.sequence_length), _Events(table, spec, spec.habit_length)
    dense = np.empty((table.num_rows, len(spec.dense_names)), np.float32)
    for place, name in enumerate(spec.dense_names):
        dense[:, place] = dense_values(table[name])
    item = partial(vocabulary_index, vocabulary=spec.item_vocabulary, buckets=spec.item_buckets)
    category = partial(vocabulary_index, vocabulary=spec.category_vocabulary)
    return {
        "dense": dense,
        "sequence_action": events.padded("sequence_action", np.int32, lambda code: code.astype(np.int32) + 1),
        "sequence_item": events.padded("sequence_item", np.int32, item),
        "sequence_category": events.padded(spec.category_column, np.int32, category),
        "sequence_age_days": events.padded("sequence_age_days", np.float32, lambda days: days),
        "habit_item": habit.padded("sequence_item", np.int32, item),
        "habit_category": habit.padded(spec.category_column, np.int32, category),
        "habit_age_days": habit.padded("sequence_age_days", np.float32, lambda days: days),
        **{channel_key(name): events.channel(name, codes) for name, codes in spec.channels.items()},
    }


def _dates(spec: FeatureSpec) -> list[str]:
    return ["as_of_date"] if spec.channels else []


class _Events:
    """The last events of rows, as the lists of all columns have them."""

    def __init__(self, table: pa.Table, spec: FeatureSpec, length: int) -> None:
        self.lists = {name: list_array(table[name]) for name in list_columns(spec)}
        self.length = length
        self.of_actions = last_events(self.lists["sequence_action"], self.length)
        self.dates = [table[name].cast(pa.int32()).to_numpy() for name in _dates(spec)]

    def padded(self, column: str, dtype: type, meaning: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """[rows, T] of the meaning of its values."""
        return padded_events(self.lists[column], *self._places(column), dtype, meaning)

    def channel(self, name: str, vocabulary: tuple[int, ...]) -> np.ndarray:
        """int32 [rows, T] indices."""
        channel = CHANNELS[name]
        present, _ = self._places(channel.column)
        dates = np.broadcast_to(self.dates[0][:, None], present.shape)[present]
        return self.padded(
            channel.column, np.int32, lambda values: vocabulary_index(channel.codes(values, dates), vocabulary)
        )

    def _places(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Those of actions, but where the lists of a column are others."""
        lists, actions = self.lists[column], self.lists["sequence_action"]
        if actions.null_count or lists.null_count or not lists.offsets.equals(actions.offsets):
            return last_events(lists, self.length)
        return self.of_actions
