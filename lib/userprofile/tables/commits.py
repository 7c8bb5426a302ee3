"""Who left a state of a table, and when: what Delta's log knows beside the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import deltalake

from userprofile.errors import DataGateError
from userprofile.tables.store import Store, TableVersion

# What a log calls commits that leave rows as they were.
_KEEPS_ROWS = {"OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES"}


@dataclass(frozen=True)
class Commit:
    """What left a state of a table: when (UTC), which run, and the rows that the whole table then held."""

    written_at: datetime
    run_id: str
    rows: int


def commit_of(store: Store, pinned: TableVersion) -> Commit:
    """What left the pinned state. Raises DataGateError where the log no longer tells."""
    if (at := written_at(store, pinned)) is None:
        raise DataGateError(
            f"{pinned.table} v{pinned.version} is gone",
            expected="a version that the table's log still tells of",
            fix="maintain_tables.keep_log says how long it does; name a later run",
        )
    written = _history(store, pinned.table, pinned.version, commits=1)[0]
    rows = deltalake.DeltaTable(store.path(pinned.table), version=pinned.version).count()
    return Commit(at, written.get("userMetadata", ""), rows)


def written_at(store: Store, pinned: TableVersion) -> datetime | None:
    """When the pinned state was left (UTC); None where the log does not tell: maintenance shortened it, or the table is
    another one by now.
    """
    known = _history(store, pinned.table, pinned.version, commits=1) if store.exists(pinned.table) else []
    return datetime.fromtimestamp(known[0]["timestamp"] / 1000, UTC) if known else None


def rows_version(store: Store, table: str, version: int) -> int:
    """The version that brought the rows which this one has: maintenance alone came after it."""
    for commit in _history(store, table, version, commits=20):
        if commit["operation"] not in _KEEPS_ROWS:
            break
        version -= 1
    return version


def _history(store: Store, table: str, version: int, *, commits: int) -> list[dict[str, Any]]:
    """Those up to the version, the last first. A table opened at a version tells of later commits as if of its own."""
    log = deltalake.DeltaTable(store.path(table))
    if (later := log.version() - version) < 0:
        return []
    return log.history(later + commits)[later:]
