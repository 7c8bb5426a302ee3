"""All tables of a warehouse kept in shape: no heaps of small files, none that no version needs, short logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from userprofile.errors import UsageError
from userprofile.pipelines.examples import EXAMPLES
from userprofile.pipelines.ledger import RUNS, runs
from userprofile.pipelines.serving_models import models
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.tables.commits import written_at
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
    _require_pinned(run, how)
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


def _require_pinned(run: Run, how: Upkeep) -> None:
    """Models whose folder is there can be judged again: what they learnt from has to be there too, and in the log."""
    for model, version in sorted(_learnt_from(run).items(), key=lambda one: one[1]):
        if (written := written_at(run.store, TableVersion(EXAMPLES, version, 0))) is None:
            run.say(f"maintain_tables: {EXAMPLES} v{version}, which model {model} learnt from, is gone already")
            continue
        needed = datetime.now(UTC) - written
        replaced = run.store.pin(EXAMPLES).version > version
        held = {"keep": how.keep_hours * HOUR} if replaced else {}
        held["keep_log"] = how.keep_log_hours * HOUR
        if short := {f"maintain_tables.{key}": kept for key, kept in held.items() if kept < needed}:
            raise UsageError(
                f"{' and '.join(short)} would lose what model {model} learnt from",
                expected=f"at least {needed.days + 1}d",
                received=", ".join(f"{kept.days}d" for kept in short.values()),
                fix=f"SET='{' '.join(f'{key}={needed.days + 1}d' for key in short)}', or remove the model's folder",
            )
        return


def _learnt_from(run: Run) -> dict[str, int]:
    """Of models whose folder is there: the version of the examples. Fine-tuned ones have no row in ops.models."""
    versions = dict(models(run).select("model_version", "training_version").iter_rows())
    for row in runs(run.store).filter(pl.col("step") == "finetune_model").to_dicts():
        versions[json.loads(row["metrics"])["model_version"]] = row["inputs"][0]["version"]
    return {model: version for model, version in versions.items() if Path(run.config.models, model).is_dir()}
