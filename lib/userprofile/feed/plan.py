"""Which shard reads which rows in which order. Pure: the same arguments give the same plan on every rank.

A shard is a fixed part of every global batch. Their number is independent of the number of ranks, so that one rank
with all shards and two ranks with half of them each go through the same global batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from userprofile.errors import UsageError


@dataclass(frozen=True)
class RowGroup:
    """The smallest part of a file that can be read by itself; `file` is a path or URI."""

    file: str
    index: int
    rows: int


@dataclass(frozen=True)
class RowRange:
    """Rows [start, stop) of a row group."""

    file: str
    index: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Block:
    """Rows that are in memory together, and the seed of their order; without a seed they keep the order of the file."""

    ranges: tuple[RowRange, ...]
    seed: tuple[int, ...] | None

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.ranges)

    def order(self) -> np.ndarray:
        """int64 [rows], a permutation."""
        return np.arange(self.rows) if self.seed is None else np.random.default_rng(self.seed).permutation(self.rows)


@dataclass(frozen=True)
class Plan:
    """One pass over the rows: every row once, every shard `steps` batches of `batch_rows`.

    What a shard's blocks lack of steps x batch_rows is filled with rows of weight zero. All blocks of a shard but its
    last hold whole batches.
    """

    steps: int
    batch_rows: int
    shards: tuple[tuple[Block, ...], ...]

    @property
    def rows(self) -> int:
        return sum(block.rows for shard in self.shards for block in shard)


def plan_pass(
    row_groups: Sequence[RowGroup],
    *,
    shards: int,
    batch_rows: int,
    shuffle: tuple[int, int] | None,
    buffer_rows: int,
) -> Plan:
    """Deal all rows to `shards`, in contiguous runs that differ by one row at most.

    `batch_rows` is the global batch, and a multiple of `shards`. `shuffle` is (seed, epoch), both >= 0: row groups
    are then shuffled among each other and rows within blocks of about `buffer_rows`; None keeps the order given.
    Raises UsageError for sizes that do not divide.
    """
    share = rows_of_shard(batch_rows, shards)
    total = sum(group.rows for group in row_groups)
    order = range(len(row_groups)) if shuffle is None else np.random.default_rng(shuffle).permutation(len(row_groups))
    largest = -(-total // shards)
    run = [RowRange(row_groups[i].file, row_groups[i].index, 0, row_groups[i].rows) for i in order]
    bounds = [total * shard // shards for shard in range(shards + 1)]
    block_rows = share * max(1, buffer_rows // share)
    return Plan(
        steps=-(-largest // share),
        batch_rows=share,
        shards=tuple(
            tuple(_blocks(run, bounds[shard], bounds[shard + 1], block_rows, shuffle and (*shuffle, shard)))
            for shard in range(shards)
        ),
    )


def rows_of_shard(batch_rows: int, shards: int) -> int:
    """A shard's part of a global batch; raises UsageError unless all parts are equal and hold at least one row."""
    if shards < 1 or batch_rows < 1 or batch_rows % shards:
        raise UsageError(
            "a global batch cannot be cut into equal shards",
            expected="batch_rows a positive multiple of shards",
            received=f"batch_rows {batch_rows}, shards {shards}",
            fix="set train_model.batch_rows to a multiple of train_model.shards",
        )
    return batch_rows // shards


def shards_of_rank(shards: int, *, rank: int, size: int) -> range:
    """The shards rank, rank + size, ...; raises UsageError when ranks would get different numbers of them."""
    if shards % size:
        raise UsageError(
            "the shards cannot be dealt evenly to the ranks",
            expected=f"a multiple of {size} shards",
            received=f"{shards} shards for {size} ranks",
            fix="set train_model.shards to a multiple of train_model.processes",
        )
    return range(rank, shards, size)


def _blocks(
    run: Sequence[RowRange], start: int, stop: int, block_rows: int, seed: tuple[int, ...] | None
) -> Iterator[Block]:
    """Rows [start, stop) of the concatenated `run`, cut every `block_rows`."""
    ends = np.cumsum([part.rows for part in run], dtype=np.int64)
    for number, first in enumerate(range(start, stop, block_rows)):
        ranges = tuple(_cut(run, ends, first, min(first + block_rows, stop)))
        yield Block(ranges, seed if seed is None else (*seed, number))


def _cut(run: Sequence[RowRange], ends: np.ndarray, start: int, stop: int) -> Iterator[RowRange]:
    """Rows [start, stop), start < stop, of the concatenated `run`; parts without rows are passed over."""
    for place in range(int(np.searchsorted(ends, start, side="right")), len(run)):
        part, begin = run[place], int(ends[place]) - run[place].rows
        if begin >= stop:
            return
        if part.rows:
            yield RowRange(part.file, part.index, max(start - begin, 0), min(stop - begin, part.rows))
