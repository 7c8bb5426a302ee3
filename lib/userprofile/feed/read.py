"""Rows of gold tables as batches of arrays, in the order of a plan, from files of the pinned version."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from userprofile.errors import ConflictError, DataGateError
from userprofile.feed.lists import Take
from userprofile.feed.plan import Block, Plan, RowRange

Batch = dict[str, np.ndarray]
Item = TypeVar("Item")

_BATCHES_AHEAD = 8


class Form(Protocol):
    """How rows of a table become the arrays of a batch."""

    def schema(self) -> pa.Schema:
        """The columns that `taker` reads, in types that it takes."""

    def taker(self, table: pa.Table) -> Take:
        """Gives the arrays of rows of the table; `weight`, float32 [rows], all 1, is among them.

        What pads is made when rows are asked for: a block is shuffled as short as it is. Raises DataGateError for a
        missing column.
        """


def batch_of(form: Form, table: pa.Table) -> Batch:
    """All rows of the table, in their order."""
    return form.taker(table)(np.arange(table.num_rows))


def batches(plan: Plan, shards: Iterable[int], form: Form, *, done: int = 0) -> Iterator[Batch]:
    """The batches of the plan's steps but the first `done`: plan.batch_rows of each shard, one shard after the other.

    With features and labels; rows that pad have weight 0. What is left out is not read, but for the block in which the
    first batch lies. A thread reads a few batches ahead; an error of reading arrives at its batch.
    """
    streams = [_shard_batches(plan.shards[shard], plan, form, done) for shard in shards]
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


def _shard_batches(blocks: Sequence[Block], plan: Plan, form: Form, done: int) -> Iterator[Batch]:
    reader = _RowGroupReader(form.schema().names)
    ends = list(accumulate(-(-block.rows // plan.batch_rows) for block in blocks))
    left = [(block, end) for block, end in zip(blocks, ends, strict=True) if end > done]
    tables = read_ahead((reader.read(block.ranges) for block, _ in left), depth=1)
    for (block, end), table in zip(left, tables, strict=True):
        take, order = form.taker(table), block.order()
        first = end - -(-block.rows // plan.batch_rows)
        for start in range(max(done - first, 0) * plan.batch_rows, len(order), plan.batch_rows):
            yield _padded(take(order[start : start + plan.batch_rows]), plan.batch_rows)
    for _ in range(max(ends[-1] if ends else 0, done), plan.steps):
        yield _padded(batch_of(form, form.schema().empty_table()), plan.batch_rows)


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
                require_columns(parquet.schema_arrow.names, self.columns)
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
            fix="make build_training_set, or the job that made the table, then train again",
        ) from reason


def _padded(batch: Batch, rows: int) -> Batch:
    missing = rows - len(batch["weight"])
    return {key: np.pad(v, [(0, missing)] + [(0, 0)] * (v.ndim - 1)) for key, v in batch.items()} if missing else batch


def _joined(parts: Sequence[Batch]) -> Batch:
    return parts[0] if len(parts) == 1 else {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def require_columns(received: Sequence[str], expected: Sequence[str]) -> None:
    """Raises DataGateError where one is missing."""
    if missing := [column for column in expected if column not in set(received)]:
        raise DataGateError(
            "the rows lack columns that are read for training or scoring",
            expected=", ".join(missing),
            received=", ".join(received),
            fix="make build_features build_training_set train_model, so that all have one catalogue",
        )
