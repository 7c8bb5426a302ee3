"""However a run ends, it has a typed exit code, a message that says how to go on, and one JSON line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from userprofile import errors
from userprofile.pipelines.steps import Outcome
from userprofile.tables.store import TableVersion

WRITTEN = TableVersion("gold.users", 4, 3)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("usage", fix="mend it"), 2),
        (errors.DataGateError("data", fix="mend it"), 3),
        (errors.EnvironmentMismatchError("environment", fix="mend it"), 4),
        (errors.ConflictError("conflict", fix="mend it"), 5),
        (errors.InterruptedRunError("interrupted", fix="mend it"), 6),
    ],
)
def test_a_foreseen_end_has_its_code_and_its_fix(job, error, code):
    def pipeline(run):
        run.step("first", lambda: Outcome([WRITTEN], {"users": 3}), inputs=[], sections=[])
        raise error

    ended = job("run", pipeline)
    assert (ended.code, ended.result["exit_code"], ended.result["status"]) == (code, code, "failed")
    assert (ended.result["tables"], ended.result["metrics"]) == (
        {"gold.users": {"version": 4, "rows": 3}},
        {"first": {"users": 3}},
    )
    assert {"run_id", "correlation_id", "seconds"} <= ended.result.keys()
    assert "mend it" in ended.errors
    assert "Traceback" not in ended.errors


def test_a_defect_of_ours_is_called_one_and_shows_its_trace_only_when_asked(job):
    def pipeline(run):
        raise ZeroDivisionError("division by zero")

    ended = job("run", pipeline)
    assert ended.code == ended.result["exit_code"] == 1
    assert "VERBOSE=1" in ended.errors
    assert "Traceback" not in ended.errors
    assert "Traceback" in job("run", pipeline, "--verbose").errors


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_as_interrupted(job, sent):
    ended = job("run", lambda run: os.kill(os.getpid(), sent))
    assert ended.code == ended.result["exit_code"] == 6
    assert "same command again" in ended.errors


def test_a_run_that_does_nothing_is_done(job):
    ended = job("run", lambda run: None)
    assert ended.code == ended.result["exit_code"] == 0
    assert ended.result["status"] == "done"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--as-of", "yesterday"], "argument --as-of: a date such as 2017-11-01, not 'yesterday'"),
        (["--from", "2017-11-31"], "argument --from: a date such as 2017-11-01, not '2017-11-31'"),
        (["--users", "many"], "argument --users: invalid int value: 'many'"),
        (["--no-such-flag"], "unrecognized arguments: --no-such-flag"),
        (["--set", "train_model.epochs=-1"], "train_model.epochs"),
    ],
)
def test_words_that_cannot_be_right_end_as_all_else(job, words, says):
    ended = job("run", lambda run: None, *words)
    assert (ended.code, ended.result["exit_code"], ended.result["status"]) == (2, 2, "failed")
    assert says in ended.errors
    assert "fix: " in ended.errors or "train_model" in says
    assert (ended.result["tables"], ended.result["metrics"]) == ({}, {})
    assert {"run_id", "correlation_id", "seconds", "error"} <= ended.result.keys()


def test_a_machine_that_lacks_a_part_ends_as_all_else(checkout, python_environment, tmp_path):
    command = [sys.executable, str(checkout / "jobs" / "ingest_events.py")]
    environment = python_environment | {"JAVA_HOME": str(tmp_path)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    result = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, result["exit_code"], result["status"]) == (4, 4, "failed")
    assert (result["tables"], result["metrics"]) == ({}, {})
    assert {"run_id", "seconds", "error"} <= result.keys()
