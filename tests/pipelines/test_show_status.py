"""What ran, how it ended and how to go on; and a run again, as it was started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.errors import ConflictError, DataGateError, UsageError
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.job import run_job
from userprofile.pipelines.log import Log
from userprofile.pipelines.rerun import rerun
from userprofile.pipelines.show_status import show_status
from userprofile.tables.locks import Holder, one_job, present_holder

HOLDER = Holder("abc", "run", ("--source", "my_shop"), "abc", "2026-01-01T00:00:00+00:00", 1)


@pytest.fixture
def look(tmp_path, checkout, capsys):
    """Runs a job that looks only; what it ended with, and all that it said."""

    def run(pipeline, *arguments: str) -> tuple[dict, str]:
        settings = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build")]
        capsys.readouterr()
        run_job(
            pipeline.__name__,
            pipeline,
            conf_folder=checkout / "conf",
            arguments=[*arguments, "--set", *settings],
            looks_only=True,
        )
        printed = capsys.readouterr()
        return json.loads(printed.out.splitlines()[-1]), printed.out + printed.err

    return run


def jobs_of(folder: Path) -> pl.DataFrame:
    path = folder / "warehouse" / "my_shop" / "ops" / "jobs"
    return pl.DataFrame(DeltaTable(path).to_pyarrow_table()).sort("started_at")


def test_status_names_what_failed_and_the_way_on(job, look, refined, tmp_path):
    def fails(run):
        raise DataGateError("too few rows", fix="more rows")

    assert job("build_features", build_features, "--source", refined).code == 0
    assert job("fails", fails, "--source", refined).code == 3
    told, said = look(show_status, "--source", refined)
    run_id = told["metrics"]["show_status"]["told"]["jobs"][-1]["run_id"]
    assert [row["job"] for row in told["metrics"]["show_status"]["told"]["jobs"]] == [
        "ingest_events",
        "refine_events",
        "build_features",
        "fails",
    ]
    assert "fails: exit code 3" in said
    assert f"how to go on: mend the data, or the limit; then make rerun RUN={run_id}" in said
    assert "step build_features as of 2024-01-21" in said
    assert told["tables"] == {}
    assert jobs_of(tmp_path).height == 4  # looking leaves no trace


def test_a_job_that_was_refused_before_any_work_is_told_of_and_begins_no_warehouse(job, refined, mapping, tmp_path):
    def refuses(run):
        raise UsageError("a rule that is none", fix="mend it")

    assert job("refuses", refuses, "--source", refined).code == 2
    assert jobs_of(tmp_path).row(-1, named=True)["error"] == "a rule that is none"
    shutil.rmtree(tmp_path / "warehouse")
    assert job("refuses", refuses, "--source", mapping).code == 2
    assert not list((tmp_path / "warehouse").glob("*/*/_delta_log"))


def test_a_killed_job_is_told_by_the_next_one(job, look, refined, tmp_path, python_environment):
    """Killed as it holds the warehouse: a real process, a real SIGKILL."""
    root = tmp_path / "warehouse" / "my_shop"
    code = (
        "import os, signal\n"
        "from userprofile.tables.locks import Holder, one_job\n"
        "holder = Holder('dead', 'train_model', ('--source', 'x'), 'dag', '2026-01-01T00:00:00+00:00', 1)\n"
        f"with one_job({str(root)!r}, holder):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], env=python_environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    _, said = look(show_status, "--source", refined)
    assert "killed: train_model, run dead; make rerun RUN=dead goes on" in said
    assert job("build_features", build_features, "--source", refined).code == 0
    row = jobs_of(tmp_path).filter(pl.col("run_id") == "dead").row(0, named=True)
    assert (row["status"], row["exit_code"], row["correlation_id"]) == ("killed", None, "dag")
    assert present_holder(str(root)) == (None, False)


def test_two_jobs_at_once_and_the_second_names_the_first(tmp_path):
    with one_job(str(tmp_path), HOLDER) as left:
        assert left is None
        assert present_holder(str(tmp_path)) == (HOLDER, True)
        with pytest.raises(ConflictError, match="run abc since"), one_job(str(tmp_path), HOLDER):
            pass
    assert present_holder(str(tmp_path)) == (None, False)


def test_a_run_again_is_started_with_the_same_words_and_its_date(job, look, refined, monkeypatch):
    began = job("build_features", build_features, "--source", refined)
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, words: started.append(words))

    def again(run):
        rerun(run, Path("jobs"))

    look(again, "--source", refined, "--run", began.result["run_id"])
    python, script, *arguments = started[0]
    assert (python, script) == (sys.executable, "jobs/build_features.py")
    assert arguments[:2] == ["--source", refined]
    assert arguments[-2:] == ["--as-of", "2024-01-21"]
    told, said = look(again, "--source", refined, "--run", "nobody")
    assert (told["exit_code"], "ops.jobs knows no such run" in said) == (2, True)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_gets_lines_for_people_and_whatever_else_reads_gets_objects(is_terminal, monkeypatch):
    monkeypatch.delenv("USERPROFILE_LOG")
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
    assert Log.of_run("build_features", "run 1").is_json is not is_terminal


def test_lines_are_objects_where_machines_read_them(job, refined, monkeypatch):
    monkeypatch.setenv("USERPROFILE_LOG", "json")
    monkeypatch.setenv("USERPROFILE_CORRELATION_ID", "dag 7")

    def fails(run):
        assert run.spark.sparkContext.getLocalProperty("spark.job.description") == "userprofile fails dag 7"
        run.say('a "quoted" line')
        raise DataGateError("too few rows", fix="more rows")

    ended = job("fails", fails, "--source", refined)
    first, last = (json.loads(line) for line in ended.printed.splitlines())
    assert (first["says"], first["correlation_id"], first["run_id"]) == ('a "quoted" line', "dag 7", last["run_id"])
    error = json.loads(ended.errors)
    assert (error["exit_code"], error["correlation_id"]) == (3, "dag 7")
    assert "fix: more rows" in error["error"]
    monkeypatch.setenv("USERPROFILE_LOG", "xml")
    assert job("fails", fails, "--source", refined).code == 2
