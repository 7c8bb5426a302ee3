"""All tables of a warehouse kept in shape: no heaps of small files, none that no version needs, short logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from userprofile.errors import UsageError
from userprofile.pipelines.examples import EXAMPLES
from userprofile.pipelines.ledger import RUNS
from userprofile.pipelines.serving_models import models
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.tables.commits import commit_of
from userprofile.tables.maintenance import HOUR, Kept, Upkeep, maintained, tables_below
from userprofile.tables.store import TableVersion

# Ranks share a table by its row groups: files put together would have few and large ones.
_DEALT_BY_ROW_GROUP = {EXAMPLES, "gold.history_examples"}


def maintain_tables(run: Run) -> Step:
    """Every table of the warehouse.

    Raises UsageError where examples that a model learnt from would be lost, and for a warehouse that is no folder.
    """
    if "://" in run.store.root:
        raise UsageError(
            "tables of an object store are not listed",
            expected="a warehouse in a folder",
            received=run.store.root,
            fix="the platform's own OPTIMIZE and VACUUM, table by table",
        )
    settings = run.config.maintain_tables
    how = Upkeep(settings.file_megabytes * 2**20, settings.keep // HOUR, settings.keep_log // HOUR)
    _require_pinned(run, how.keep_hours * HOUR)
    return run.step("maintain_tables", lambda: _maintain(run, how), inputs=[], sections=[], again=True)


def _maintain(run: Run, how: Upkeep) -> Outcome:
    tables = tables_below(run.store.root)
    kept = {}
    for place, table in enumerate(sorted(tables, key=lambda name: name == RUNS), start=1):
        kept[table] = maintained(run.store, table, how, compact=table not in _DEALT_BY_ROW_GROUP)
        run.say(f"maintain_tables: {place} of {len(tables)} tables, {table}: {_in_words(kept[table])}")
    figures = {
        "tables": len(kept),
        "small_files_before": sum(one.small_before for one in kept.values()),
        "small_files_after": sum(one.small_after for one in kept.values()),
        "files_removed": sum(one.removed for one in kept.values()),
    }
    return Outcome([run.store.pin(table) for table in kept], figures)


def _in_words(one: Kept) -> str:
    return f"{one.small_before} small files before, {one.small_after} after, {one.removed} files removed"


def _require_pinned(run: Run, keep: timedelta) -> None:
    """Models whose folder is there can be judged again: what they learnt from has to be there too."""
    there = [row for row in models(run).to_dicts() if Path(run.config.models, row["model_version"]).is_dir()]
    for row in sorted(there, key=lambda row: row["training_version"])[:1]:
        written = commit_of(run.store, TableVersion(EXAMPLES, row["training_version"], 0)).written_at
        needed = datetime.now(UTC) - written
        replaced = run.store.pin(EXAMPLES).version > row["training_version"]
        if replaced and keep < needed:
            raise UsageError(
                f"maintain_tables.keep would lose what model {row['model_version']} learnt from",
                expected=f"at least {needed.days + 1}d",
                received=f"{keep.days}d",
                fix=f"SET=maintain_tables.keep={needed.days + 1}d, or remove the model's folder",
            )
