"""Rows of gold.training_examples, or of features joined with sequences, as the arrays that the profile model takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from userprofile.feed.lists import last_events, list_array, padded_events
from userprofile.feed.read import Batch, require_columns
from userprofile.spec import FeatureSpec, dense_values, vocabulary_index

SEQUENCES = ("sequence_action", "sequence_item", "sequence_age_days")
FEATURE_KEYS = ("dense", "sequence_action", "sequence_item", "sequence_category", "sequence_age_days")


@dataclass(frozen=True)
class ExampleForm:
    """As feed.read.Form, of features, and of the labels that `labels` makes of the columns of `label_schema`."""

    spec: FeatureSpec
    label_schema: pa.Schema
    labels: Callable[[pa.Table], Batch]

    def schema(self) -> pa.Schema:
        of_lists = {"sequence_age_days": pa.float32()}
        lists = {name: pa.list_(of_lists.get(name, pa.int32())) for name in (*SEQUENCES, self.spec.category_column)}
        features = {**dict.fromkeys(self.spec.dense_names, pa.float64()), **lists}
        return pa.schema([*pa.schema(features), *self.label_schema])

    def batch(self, table: pa.Table) -> Batch:
        require_columns(table.column_names, self.label_schema.names)
        return {**to_batch(table, self.spec), **self.labels(table)}


def feature_columns(spec: FeatureSpec) -> list[str]:
    """The columns of gold.training_examples, or of features joined with sequences, that `spec` reads."""
    return [*spec.dense_names, "sequence_action", "sequence_item", spec.category_column, "sequence_age_days"]


def to_batch(table: pa.Table, spec: FeatureSpec) -> Batch:
    """The features of the rows of `table` as arrays, in their order.

    dense float32 [rows, D], raw, NaN for null; sequence_action (code + 1), sequence_item and sequence_category
    (vocabulary indices) int32 and sequence_age_days float32, all [rows, T]: the last T events, oldest first, padded
    with 0 at the end; weight float32 [rows], all 1. A null list is an empty one. Raises DataGateError for a missing
    column.
    """
    require_columns(table.column_names, feature_columns(spec))
    return {**_features(table, spec), "weight": np.ones(table.num_rows, np.float32)}


def _features(table: pa.Table, spec: FeatureSpec) -> Batch:
    lists = {name: list_array(table[name]) for name in (*SEQUENCES, spec.category_column)}
    of_actions = lists["sequence_action"]
    present, places = last_events(of_actions, spec.sequence_length)

    def events(column: str, dtype: type, meaning: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        if of_actions.null_count or lists[column].null_count or not lists[column].offsets.equals(of_actions.offsets):
            return padded_events(lists[column], *last_events(lists[column], spec.sequence_length), dtype, meaning)
        return padded_events(lists[column], present, places, dtype, meaning)

    dense = np.empty((table.num_rows, len(spec.dense_names)), np.float32)
    for place, name in enumerate(spec.dense_names):
        dense[:, place] = dense_values(table[name])
    category = partial(vocabulary_index, vocabulary=spec.category_vocabulary)
    return {
        "dense": dense,
        "sequence_action": events("sequence_action", np.int32, lambda code: code.astype(np.int32) + 1),
        "sequence_item": events("sequence_item", np.int32, partial(vocabulary_index, vocabulary=spec.item_vocabulary)),
        "sequence_category": events(spec.category_column, np.int32, category),
        "sequence_age_days": events("sequence_age_days", np.float32, lambda days: days),
    }
