"""Maintenance changes files, never rows, and nothing that a model learnt from is lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.examples import EXAMPLES
from userprofile.pipelines.maintain_tables import maintain_tables
from userprofile.pipelines.steps import Outcome
from userprofile.schemas.ops import OpsModels
from userprofile.tables.commits import commit_of, rows_version
from userprofile.tables.maintenance import tables_below
from userprofile.tables.store import TableVersion

QUARANTINED = {"file_number": 1, "place": 9, "source_file": "log.csv", "reason": "no_time", "raw": "{}"}
AT_ONCE = ["--set", "maintain_tables.keep=1s"]


def contents(root: Path) -> dict[str, pl.DataFrame]:
    """Rows of tables but of those that tell of runs."""
    names = [name for name in tables_below(str(root)) if not name.startswith("ops.")]
    return {name: pl.DataFrame(DeltaTable(root / name.replace(".", "/")).to_pyarrow_table()) for name in names}


def test_rows_stay_files_become_fewer_and_what_was_done_stays_done(job, refined, tmp_path):
    root = tmp_path / "warehouse" / "my_shop"
    for _ in range(2):
        assert job("build_features", build_features, "--source", refined, "--force").code == 0
    before = contents(root)
    done = job("maintain_tables", maintain_tables, "--source", refined, *AT_ONCE)
    assert done.code == 0, done.errors
    figures = done.result["metrics"]["maintain_tables"]
    assert figures["tables"] == len(tables_below(str(root)))
    assert figures["small_files_after"] < figures["small_files_before"]
    assert figures["files_removed"] > 0
    after = contents(root)
    assert before.keys() == after.keys()
    for name, rows in before.items():
        columns = [column for column, kind in rows.schema.items() if not kind.is_nested()]
        assert rows.sort(columns).equals(after[name].sort(columns)), name

    commits = [(name, one) for name in after for one in DeltaTable(root / name.replace(".", "/")).history()]
    assert [(name, one["operation"]) for name, one in commits if not one.get("userMetadata")] == []

    again = job("build_features", build_features, "--source", refined)
    assert again.code == 0, again.errors
    assert again.result["steps"] == {"build_features": 0.0}
    present = DeltaTable(root / "gold" / "user_features").version()
    assert again.result["tables"]["gold.user_features"]["version"] == present


def test_a_state_of_a_table_names_the_commit_that_left_it(job, refined):
    found = {}

    def look(run):
        table = "quarantine.events"
        path = run.store.path(table)
        first = run.store.pin(table)
        rows = pa.Table.from_pylist([QUARANTINED], DeltaTable(path).to_pyarrow_table().schema)
        for name in ("a", "b"):
            told = CommitProperties(custom_metadata={"userMetadata": name})
            write_deltalake(path, rows, mode="append", commit_properties=told)
        DeltaTable(path).optimize.compact()
        last = run.store.pin(table).version
        found["runs"] = [commit_of(run.store, TableVersion(table, first.version + place, 0)).run_id for place in (1, 2)]
        found["versions"] = [last - first.version, rows_version(run.store, table, last) - first.version]

    assert job("look", look, "--source", refined).code == 0
    assert found == {"runs": ["a", "b"], "versions": [3, 2]}


def a_model(run, *, is_finetuned):
    """As if one had learnt from the first of two states of the examples."""
    path, rows = run.store.path(EXAMPLES), pa.table({"a": [1]})
    write_deltalake(path, rows)
    write_deltalake(path, rows, mode="overwrite")
    if is_finetuned:
        examples = TableVersion(EXAMPLES, 0, 1)
        run.step("finetune_model", lambda: Outcome([], {"model_version": "m"}), inputs=[examples], sections=[])
        return
    row = {name: "" for name, kind in OpsModels.create_empty().schema.items() if kind == pl.String}
    row |= {"model_version": "m", "trained_at": run.started_at, "as_of_date": run.started_at.date()}
    row |= {"training_version": 0, "examples": 1, "processes": 1}
    run.store.replace_small(OpsModels.cast(pl.DataFrame([row])), "ops.models", OpsModels, where="true")


@pytest.mark.parametrize("is_finetuned", [False, True])
def test_what_a_model_learnt_from_is_not_removed(job, refined, tmp_path, is_finetuned):
    assert job("learn", lambda run: a_model(run, is_finetuned=is_finetuned), "--source", refined).code == 0
    (tmp_path / "models" / "m").mkdir(parents=True)
    ended = job("maintain_tables", maintain_tables, "--source", refined, *AT_ONCE)
    assert ended.code == 2
    assert "maintain_tables.keep would lose what model m learnt from" in ended.errors
    (tmp_path / "models" / "m").rmdir()
    ended = job("maintain_tables", maintain_tables, "--source", refined, *AT_ONCE)
    assert ended.code == 0, ended.errors


def aged(log: Path, days: int) -> None:
    """As if all commits were that much older, by what they say and by their files."""
    for commit in log.glob("*.json"):
        lines = [json.loads(line) for line in commit.read_text().splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] -= days * 86_400_000
        commit.write_text("\n".join(map(json.dumps, lines)))
        then = commit.stat().st_mtime - days * 86_400
        os.utime(commit, (then, then))


def test_the_log_tells_of_what_a_model_learnt_from_as_long_as_its_folder_is_there(job, refined, tmp_path):
    examples = tmp_path / "warehouse" / "my_shop" / "gold" / "training_examples"
    assert job("learn", lambda run: a_model(run, is_finetuned=False), "--source", refined).code == 0
    aged(examples / "_delta_log", days=40)
    (tmp_path / "models" / "m").mkdir(parents=True)
    keep, keep_log = "maintain_tables.keep=60d", "maintain_tables.keep_log=60d"
    for held, short in (([], "keep and maintain_tables.keep_log"), ([keep], "keep_log"), ([keep_log], "keep")):
        refused = job(
            "maintain_tables", maintain_tables, "--source", refined, "--set", *held, "maintain_tables.file_megabytes=1"
        )
        assert refused.code == 2
        assert f"maintain_tables.{short} would lose what model m learnt from" in refused.errors
    assert job("maintain_tables", maintain_tables, "--source", refined, "--set", keep, keep_log).code == 0
    assert DeltaTable(examples, version=0).count() == 1

    (tmp_path / "models" / "m").rmdir()
    assert job("maintain_tables", maintain_tables, "--source", refined).code == 0
    with pytest.raises(TableNotFoundError):
        DeltaTable(examples, version=0)
    (tmp_path / "models" / "m").mkdir()  # brought back too late: nothing is left to keep
    for is_removed in (False, True):
        if is_removed:
            shutil.rmtree(examples)
        late = job("maintain_tables", maintain_tables, "--source", refined)
        assert (late.code, "gold.training_examples v0, which model m learnt from, is gone" in late.printed) == (0, True)
