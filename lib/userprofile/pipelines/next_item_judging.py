"""What next items are judged by, whatever the protocol: rows of a split, and what was asked after each history."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.item_histories import ItemHistories
from userprofile.errors import DataGateError
from userprofile.feed.histories import HistorySpec
from userprofile.feed.lists import list_array
from userprofile.pipelines.steps import Run
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import HistoryExamples
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion


@dataclass(frozen=True)
class Asked:
    """What comes after each history, and what did; of `users`, those of all rows that are judged by."""

    users: np.ndarray
    histories: ItemHistories
    target: np.ndarray  # places in the vocabulary, -1 for an item that is not in it
    other_day: np.ndarray  # whether on another day than the event before

    @classmethod
    def of(cls, rows: pa.Table, spec: HistorySpec, *, only_new: bool) -> Asked:
        before, target = ItemHistories.of(list_array(rows["sequence_item"]), spec.vocabulary).without_last()
        had = np.zeros(len(target), bool)
        np.logical_or.at(had, before.users(), before.items == np.repeat(target, np.diff(before.starts)))
        users = np.flatnonzero(~(had & (target >= 0)) if only_new else np.ones(len(target), bool))
        other_day = ~rows["label_is_same_day"].to_numpy(zero_copy_only=False)
        return cls(users, before.of_users(users), target[users], other_day[users])

    def part(self, kept: slice) -> Asked:
        """Some of the users."""
        places = np.arange(len(self.users))[kept]
        return Asked(self.users[kept], self.histories.of_users(places), self.target[kept], self.other_day[kept])


def part_of(run: Run, table: TableVersion, split: str) -> pa.Table:
    """The rows of a split, in the order in which a network's predictions of it come."""
    groups = row_groups(run.store.path(table.table), table.version, partition={"split": split})
    columns = arrow_schema(HistoryExamples)
    if not sum(rows for *_, rows in groups):
        raise DataGateError(
            f"no history has a part to {split} on",
            expected="users of four events with an item and more",
            received="none in silver.events",
            fix="a longer log, or another protocol",
        )
    return read_row_groups(groups, pa.schema([columns.field(name) for name in ("sequence_item", "label_is_same_day")]))


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    """Of a file that a training left, by name."""
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)
