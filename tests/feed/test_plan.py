"""Every row once, equal steps on every shard, and the same global batches whatever the number of ranks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.errors import UsageError
from userprofile.feed.plan import Plan, RowGroup, plan_pass, rows_of_shard, shards_of_rank

sizes = st.lists(st.integers(0, 60), max_size=12)
seeds = st.none() | st.tuples(st.integers(0, 2**32), st.integers(0, 50))


def groups(rows: list[int]) -> list[RowGroup]:
    """Row groups of these sizes, three to a file."""
    return [RowGroup(f"file-{i // 3}", i % 3, count) for i, count in enumerate(rows)]


def rows_in_order(plan: Plan, shard: int) -> list[tuple[str, int, int]]:
    """The slow way: each row of a shard by (file, row group, row), in the order in which it is trained on."""
    result = []
    for block in plan.shards[shard]:
        rows = [(part.file, part.index, row) for part in block.ranges for row in range(part.start, part.stop)]
        result += [rows[place] for place in block.order()]
    return result


@given(sizes, st.integers(1, 9), st.integers(1, 7), st.integers(1, 100), seeds)
def test_every_row_is_dealt_once_and_no_other(rows, shards, share, buffer_rows, shuffle):
    plan = plan_pass(groups(rows), shards=shards, batch_rows=share * shards, shuffle=shuffle, buffer_rows=buffer_rows)
    dealt = Counter(row for shard in range(shards) for row in rows_in_order(plan, shard))
    assert dealt == Counter((g.file, g.index, row) for g in groups(rows) for row in range(g.rows))
    assert plan.rows == sum(rows)


@given(sizes, st.integers(1, 9), st.integers(1, 7), st.integers(1, 100), seeds)
def test_steps_hold_every_shard_and_not_one_more(rows, shards, share, buffer_rows, shuffle):
    plan = plan_pass(groups(rows), shards=shards, batch_rows=share * shards, shuffle=shuffle, buffer_rows=buffer_rows)
    largest = max(sum(block.rows for block in shard) for shard in plan.shards)
    assert len(plan.shards) == shards
    assert plan.batch_rows == share
    assert (plan.steps - 1) * share < largest <= plan.steps * share or largest == plan.steps == 0


@given(sizes, st.integers(1, 5), st.integers(1, 7), st.integers(1, 100), seeds)
def test_blocks_are_bounded_and_hold_whole_batches(rows, shards, share, buffer_rows, shuffle):
    plan = plan_pass(groups(rows), shards=shards, batch_rows=share * shards, shuffle=shuffle, buffer_rows=buffer_rows)
    for shard in plan.shards:
        assert all(0 < block.rows <= max(buffer_rows, share) for block in shard)
        assert all(block.rows % share == 0 for block in shard[:-1])


@given(sizes, seeds, st.integers(1, 6))
def test_the_same_arguments_give_the_same_plan(rows, shuffle, shards):
    again = [
        plan_pass(groups(rows), shards=shards, batch_rows=shards * 4, shuffle=shuffle, buffer_rows=16) for _ in range(2)
    ]
    assert again[0] == again[1]
    assert rows_in_order(again[0], 0) == rows_in_order(again[1], 0)


@given(st.sampled_from([(4, 1), (4, 2), (4, 4), (12, 3), (6, 6)]))
def test_ranks_share_out_all_shards(shards_and_size):
    shards, size = shards_and_size
    dealt = [shard for rank in range(size) for shard in shards_of_rank(shards, rank=rank, size=size)]
    assert sorted(dealt) == list(range(shards))
    assert len({len(shards_of_rank(shards, rank=rank, size=size)) for rank in range(size)}) == 1


def test_without_shuffle_rows_keep_the_order_of_the_files():
    plan = plan_pass(groups([3, 0, 4]), shards=1, batch_rows=2, shuffle=None, buffer_rows=4)
    assert rows_in_order(plan, 0) == [("file-0", 0, r) for r in range(3)] + [("file-0", 2, r) for r in range(4)]


def test_epochs_and_seeds_differ_and_rows_leave_their_neighbours():
    orders = [
        rows_in_order(plan_pass(groups([40] * 6), shards=2, batch_rows=8, shuffle=shuffle, buffer_rows=32), 0)
        for shuffle in [(7, 0), (7, 1), (8, 0)]
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    neighbours = sum(
        np.abs(a[2] - b[2]) == 1 and a[:2] == b[:2] for a, b in zip(orders[0], orders[0][1:], strict=False)
    )
    assert neighbours < len(orders[0]) / 4


def test_more_shards_than_rows_still_gives_every_shard_a_step():
    plan = plan_pass(groups([1]), shards=4, batch_rows=8, shuffle=(1, 1), buffer_rows=8)
    assert (plan.steps, plan.rows) == (1, 1)


def test_no_rows_are_no_steps():
    assert plan_pass([], shards=2, batch_rows=8, shuffle=(1, 1), buffer_rows=8).steps == 0


@pytest.mark.parametrize(("batch_rows", "shards"), [(9, 2), (0, 1), (1, 2), (4, 0)])
def test_a_batch_that_cannot_be_cut_is_refused(batch_rows, shards):
    with pytest.raises(UsageError, match="equal shards"):
        rows_of_shard(batch_rows, shards)


def test_shards_that_cannot_be_dealt_are_refused():
    with pytest.raises(UsageError, match="3 shards for 2 ranks"):
        shards_of_rank(3, rank=0, size=2)
