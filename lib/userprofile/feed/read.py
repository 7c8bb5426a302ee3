"""Rows of gold tables as the arrays that the network takes. No loop over rows: offsets, masks and one gather."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import accumulate
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from userprofile.errors import ConflictError, DataGateError
from userprofile.feed.plan import Block, Plan, RowRange
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec, dense_values, vocabulary_index

Batch = dict[str, np.ndarray]
Item = TypeVar("Item")

SEQUENCES = ("sequence_action", "sequence_item", "sequence_age_days")
FEATURE_KEYS = ("dense", "sequence_action", "sequence_item", "sequence_category", "sequence_age_days")
LABEL_KEYS = ("label_purchase", "label_spend", "label_next_categories")

_BATCHES_AHEAD = 8


def feature_columns(spec: FeatureSpec) -> list[str]:
    """The columns of gold.training_examples, or of features joined with sequences, that `spec` reads."""
    return [*spec.dense_names, "sequence_action", "sequence_item", spec.category_column, "sequence_age_days"]


def to_batch(table: pa.Table, spec: FeatureSpec) -> Batch:
    """The rows of `table` as arrays, in their order; labels where the table has label_purchase.

    dense float32 [rows, D], raw, NaN for null; sequence_action (code + 1), sequence_item and sequence_category
    (vocabulary indices) int32 and sequence_age_days float32, all [rows, T]: the last T events, oldest first, padded
    with 0 at the end; label_purchase and label_spend (minor units) float32 [rows]; label_next_categories float32
    [rows, C] multi-hot; weight float32 [rows], all 1. A null list is an empty one.
    Raises DataGateError for a missing column.
    """
    labels = LABEL_KEYS if LABEL_KEYS[0] in table.column_names else ()
    _require_columns(table.column_names, [*feature_columns(spec), *labels])
    weight = np.ones(table.num_rows, np.float32)
    return {**_features(table, spec), **(_labels(table, spec) if labels else {}), "weight": weight}


def batches(plan: Plan, shards: Iterable[int], spec: FeatureSpec, *, done: int = 0) -> Iterator[Batch]:
    """The batches of the plan's steps but the first `done`: plan.batch_rows of each shard, one shard after the other.

    With features and labels; rows that pad have weight 0. What is left out is not read, but for the block in which the
    first batch lies. A thread reads a few batches ahead; an error of reading arrives at its batch.
    """
    streams = [_shard_batches(plan.shards[shard], plan, spec, done) for shard in shards]
    return read_ahead((_joined(parts) for parts in zip(*streams, strict=True)), depth=_BATCHES_AHEAD)


def read_ahead(items: Iterator[Item], *, depth: int) -> Iterator[Item]:
    """The same items, up to `depth` of them made in a thread before they are asked for."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        ahead = deque(thread.submit(next, items, None) for _ in range(depth))
        try:
            while (item := ahead.popleft().result()) is not None:
                ahead.append(thread.submit(next, items, None))
                yield item
        finally:
            for future in ahead:
                future.cancel()


def last_events(lists: pa.ListArray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Which cells of [rows, length] hold an event, and, cell by cell, the event's place in `lists.values`.

    The last `length` events of each row, from its first cell on; what is left of the row is padding.
    """
    offsets = lists.offsets.to_numpy()
    counts = np.minimum(_lengths(lists), length)
    places = (offsets[1:] - counts)[:, None] + np.arange(length)
    present = np.arange(length) < counts[:, None]
    return present, places[present]


def _features(table: pa.Table, spec: FeatureSpec) -> Batch:
    lists = {name: _list_array(table[name]) for name in (*SEQUENCES, spec.category_column)}
    of_actions = lists["sequence_action"]
    present, places = last_events(of_actions, spec.sequence_length)

    def events(column: str, dtype: type, meaning: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        if of_actions.null_count or lists[column].null_count or not lists[column].offsets.equals(of_actions.offsets):
            return _padded_events(lists[column], *last_events(lists[column], spec.sequence_length), dtype, meaning)
        return _padded_events(lists[column], present, places, dtype, meaning)

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


def _padded_events(
    lists: pa.ListArray,
    present: np.ndarray,
    places: np.ndarray,
    dtype: type,
    meaning: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    padded: np.ndarray = np.zeros(present.shape, dtype)
    padded[present] = meaning(lists.values.to_numpy()[places])
    return padded


def _labels(table: pa.Table, spec: FeatureSpec) -> Batch:
    bought = _list_array(table["label_next_categories"])
    lengths = _lengths(bought)
    _, places = last_events(bought, int(lengths.max(initial=0)))
    row = np.repeat(np.arange(table.num_rows), lengths)
    category = vocabulary_index(bought.values.to_numpy()[places], spec.label_categories) - FIRST_KNOWN_INDEX
    multi_hot = np.zeros((table.num_rows, len(spec.label_categories)), np.float32)
    multi_hot[row[category >= 0], category[category >= 0]] = 1
    return {
        "label_purchase": table["label_purchase"].to_numpy().astype(np.float32),
        "label_spend": table["label_spend"].to_numpy().astype(np.float32),
        "label_next_categories": multi_hot,
    }


def _list_array(column: pa.ChunkedArray) -> pa.ListArray:
    """One array of the whole column; the values of a sliced one begin elsewhere, which its offsets know."""
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _lengths(lists: pa.ListArray) -> np.ndarray:
    return np.where(lists.is_valid().to_numpy(zero_copy_only=False), np.diff(lists.offsets.to_numpy()), 0)


def _shard_batches(blocks: Sequence[Block], plan: Plan, spec: FeatureSpec, done: int) -> Iterator[Batch]:
    reader = _RowGroupReader([*feature_columns(spec), *LABEL_KEYS])
    ends = list(accumulate(-(-block.rows // plan.batch_rows) for block in blocks))
    left = [(block, end) for block, end in zip(blocks, ends, strict=True) if end > done]
    tables = read_ahead((reader.read(block.ranges) for block, _ in left), depth=1)
    for (block, end), table in zip(left, tables, strict=True):
        rows, order = to_batch(table, spec), block.order()
        first = end - -(-block.rows // plan.batch_rows)
        for start in range(max(done - first, 0) * plan.batch_rows, len(order), plan.batch_rows):
            chosen = order[start : start + plan.batch_rows]
            yield _padded({key: values[chosen] for key, values in rows.items()}, plan.batch_rows)
    for _ in range(max(ends[-1] if ends else 0, done), plan.steps):
        yield _nothing(plan.batch_rows, spec)


class _RowGroupReader:
    """Rows of row groups, the last row group kept: blocks are often smaller than it."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        self.last: tuple[tuple[str, int], pa.Table] | None = None

    def read(self, ranges: Sequence[RowRange]) -> pa.Table:
        return pa.concat_tables(self._row_group(part.file, part.index).slice(part.start, part.rows) for part in ranges)

    def _row_group(self, file: str, index: int) -> pa.Table:
        if self.last is None or self.last[0] != (file, index):
            self.last = None  # frees its memory before the next is read
            with _open(file) as parquet:
                _require_columns(parquet.schema_arrow.names, self.columns)
                self.last = (file, index), parquet.read_row_group(index, columns=self.columns)
        return self.last[1]


def _open(file: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except FileNotFoundError as reason:
        raise ConflictError(
            f"a data file of the pinned version is gone: {file}",
            expected="every file of the version until training ends",
            received="a table that was vacuumed or deleted meanwhile",
            fix="make build_training_set, then train again",
        ) from reason


def _padded(batch: Batch, rows: int) -> Batch:
    missing = rows - len(batch["weight"])
    return {key: np.pad(v, [(0, missing)] + [(0, 0)] * (v.ndim - 1)) for key, v in batch.items()} if missing else batch


def _nothing(rows: int, spec: FeatureSpec) -> Batch:
    """A batch of padding alone."""
    sequence = np.zeros((rows, spec.sequence_length), np.int32)
    return {
        "dense": np.zeros((rows, len(spec.dense)), np.float32),
        "sequence_action": sequence,
        "sequence_item": sequence,
        "sequence_category": sequence,
        "sequence_age_days": sequence.astype(np.float32),
        "label_purchase": np.zeros(rows, np.float32),
        "label_spend": np.zeros(rows, np.float32),
        "label_next_categories": np.zeros((rows, len(spec.label_categories)), np.float32),
        "weight": np.zeros(rows, np.float32),
    }


def _joined(parts: Sequence[Batch]) -> Batch:
    return parts[0] if len(parts) == 1 else {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _require_columns(received: Sequence[str], expected: Sequence[str]) -> None:
    if missing := [column for column in expected if column not in set(received)]:
        raise DataGateError(
            "the rows lack columns that the feature spec reads",
            expected=", ".join(missing),
            received=", ".join(received),
            fix="make build_features build_training_set train_model, so that all have one catalogue",
        )
