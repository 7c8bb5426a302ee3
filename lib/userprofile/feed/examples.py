"""Rows of gold.training_examples, or of features joined with sequences, as the arrays that the profile model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.channels import CHANNELS, channel_key
from userprofile.feed.lists import Events, Take, last_events
from userprofile.feed.read import Batch, require_columns
from userprofile.numbers import dense_values
from userprofile.spec import FeatureSpec, vocabulary_index

SEQUENCES = ("sequence_action", "sequence_item", "sequence_age_days")
_HABIT = ("item", "category", "age_days")
_KEYS = (
    "dense",
    *(f"sequence_{name}" for name in ("action", "item", "category", "age_days")),
    *(f"habit_{name}" for name in _HABIT),
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

    def taker(self, table: pa.Table) -> Take:
        require_columns(table.column_names, self.label_schema.names)
        features, labels = _taker(table, self.spec), self.labels(table)
        return lambda rows: {**features(rows), **{name: values[rows] for name, values in labels.items()}}


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
    return _taker(table, spec)(np.arange(table.num_rows))


def _taker(table: pa.Table, spec: FeatureSpec) -> Take:
    require_columns(table.column_names, feature_columns(spec))
    dense = np.empty((table.num_rows, len(spec.dense_names)), np.float32)
    for place, name in enumerate(spec.dense_names):
        dense[:, place] = dense_values(table[name])
    events = _events(table, spec)
    sequence = last_events(events, spec.sequence_length)
    habit = last_events({f"habit_{name}": events[f"sequence_{name}"] for name in _HABIT}, spec.habit_length)

    def take(rows: np.ndarray) -> Batch:
        return {"dense": dense[rows], **sequence(rows), **habit(rows), "weight": np.ones(len(rows), np.float32)}

    return take


def _events(table: pa.Table, spec: FeatureSpec) -> dict[str, Events]:
    """Of the arrays of a batch that are sequences, by name."""
    columns = {name: Events.of(table[name]) for name in list_columns(spec)}
    action, item, age = (columns[name] for name in SEQUENCES)
    category = columns[spec.category_column]
    return {
        "sequence_action": action.meaning(action.values.astype(np.int32) + 1),
        "sequence_item": item.meaning(vocabulary_index(item.values, spec.item_vocabulary, spec.item_buckets)),
        "sequence_category": category.meaning(vocabulary_index(category.values, spec.category_vocabulary)),
        "sequence_age_days": age.meaning(age.values.astype(np.float32)),
        **{channel_key(name): _channel(name, table, columns, codes) for name, codes in spec.channels.items()},
    }


def _channel(name: str, table: pa.Table, columns: Mapping[str, Events], vocabulary: tuple[int, ...]) -> Events:
    events = columns[CHANNELS[name].column]
    dates = np.repeat(table["as_of_date"].cast(pa.int32()).to_numpy(), events.counts)
    return events.meaning(vocabulary_index(CHANNELS[name].codes(events.values, dates), vocabulary))


def _dates(spec: FeatureSpec) -> list[str]:
    return ["as_of_date"] if spec.channels else []
