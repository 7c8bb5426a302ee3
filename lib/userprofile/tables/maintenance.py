"""Files of a table as maintenance sees them: small ones put together, those that no version needs removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import deltalake
import polars as pl

from userprofile.tables.locks import one_writer
from userprofile.tables.store import Store

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Upkeep:
    """How tables are kept: bytes of a file, and how far back rows and entries of the log are held."""

    file_bytes: int
    keep_hours: int
    keep_log_hours: int


@dataclass(frozen=True)
class Kept:
    """What was done with a table. Small are files of less than half the bytes that one should have."""

    small_before: int
    small_after: int
    removed: int  # files that no kept version needs


def maintained(store: Store, table: str, how: Upkeep, *, compact: bool) -> Kept:
    """Put small files together, remove files that only older versions need than are held, and such entries of the
    log. Rows stay as they are; where there is nothing to do there is no commit.
    """
    with one_writer(store.path(table)):
        log = deltalake.DeltaTable(store.path(table))
        before, commit = _small_files(log, how), store.commit()
        retention = f"interval {how.keep_log_hours} hours"
        if log.metadata().configuration.get("delta.logRetentionDuration") != retention:
            log.alter.set_table_properties({"delta.logRetentionDuration": retention}, commit_properties=commit)
        if compact:
            log.optimize.compact(target_size=how.file_bytes, commit_properties=commit)
        hours = how.keep_hours
        if removed := log.vacuum(hours, dry_run=True, enforce_retention_duration=False):
            log.vacuum(hours, dry_run=False, enforce_retention_duration=False, commit_properties=commit)
        log = deltalake.DeltaTable(store.path(table))
        log.create_checkpoint()
        log.cleanup_metadata()
        return Kept(before, _small_files(log, how), len(removed))


def tables_below(root: str) -> list[str]:
    """The tables of a warehouse in a folder, as layer.name."""
    return sorted(f"{log.parents[1].name}.{log.parent.name}" for log in Path(root).glob("*/*/_delta_log"))


def _small_files(log: deltalake.DeltaTable, how: Upkeep) -> int:
    files = pl.DataFrame(log.get_add_actions(flatten=True))
    return int((files["size_bytes"] < how.file_bytes // 2).sum())
