"""Which rows a rank is fed, of the pinned version that all ranks read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import starmap

from userprofile.feed.plan import Block, Plan, RowGroup, plan_pass, shards_of_rank
from userprofile.feed.read import Batch, Form, batches
from userprofile.tables.row_groups import row_groups
from userprofile.training.collective import Collective
from userprofile.training.findings import Place
from userprofile.training.request import TrainingRequest

# Rows that a shard shuffles in memory.
BUFFER_ROWS = 16_384


class Rows:
    """Of the shards that are this rank's."""

    def __init__(self, request: TrainingRequest, form: Form, collective: Collective) -> None:
        self._request, self._form, self._collective = request, form, collective
        self._shards = shards_of_rank(request.shards, rank=collective.rank, size=collective.size)

    def listed(self, split: str) -> list[RowGroup]:
        """As rank 0 sees them, so that no rank plans with another list."""
        found: list[tuple[str, int, int]] = []
        if self._collective.rank == 0 and split:
            found = row_groups(self._request.table, self._request.version, partition={"split": split})
        groups = list(starmap(RowGroup, self._collective.broadcast_object(found)))
        share = self._request.learnt_share
        if split != self._request.learnt or share == 1:
            return groups
        return [replace(group, rows=math.ceil(share * group.rows)) for group in groups]

    def plan(self, rows: list[RowGroup], *, epoch: int | None = None) -> Plan:
        """Shuffled for this epoch, or in the order of the files."""
        return plan_pass(
            rows,
            shards=self._request.shards,
            batch_rows=self._request.batch_rows,
            shuffle=None if epoch is None else (self._request.seed, epoch),
            buffer_rows=BUFFER_ROWS,
        )

    def fed(self, plan: Plan, *, done: int = 0) -> Iterator[Batch]:
        """The batches of the plan's steps but the first `done`."""
        return batches(plan, self._shards, self._form, done=done)

    def places(self, plan: Plan, step: int) -> list[Place | None]:
        """Where each row of this rank's batch of the step, counted from 1, lies; None for one that pads."""
        found: list[Place | None] = []
        for shard in self._shards:
            rows = list(_rows_of(plan.shards[shard], plan.batch_rows, step))
            found += [*rows, *[None] * (plan.batch_rows - len(rows))]
        return found


def _rows_of(blocks: Sequence[Block], batch_rows: int, step: int) -> Iterator[Place]:
    """Of one shard, in the order of feed.read.batches."""
    batch = step - 1
    for block in blocks:
        if batch < (batches := -(-block.rows // batch_rows)):
            lying = [Place(part.file, part.index, row) for part in block.ranges for row in range(part.start, part.stop)]
            yield from (lying[row] for row in block.order()[batch * batch_rows : (batch + 1) * batch_rows])
            return
        batch -= batches
