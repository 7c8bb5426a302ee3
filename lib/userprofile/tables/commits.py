"""Who left a state of a table, and when: what Delta's log knows beside the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import deltalake

from userprofile.tables.store import Store, TableVersion


@dataclass(frozen=True)
class Commit:
    """What left a state of a table: when (UTC), which run, and the rows that the whole table then held."""

    written_at: datetime
    run_id: str
    rows: int


def commit_of(store: Store, pinned: TableVersion) -> Commit:
    """What left the pinned state; `run_id` is empty where the table had only been made."""
    log = deltalake.DeltaTable(store.path(pinned.table), version=pinned.version)
    written = log.history(1)[0]
    at = datetime.fromtimestamp(written["timestamp"] / 1000, UTC)
    return Commit(at, written.get("userMetadata", ""), log.count())
