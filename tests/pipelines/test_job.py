"""However a run ends, it has a typed exit code, a message that says how to go on, and one JSON line."""

from __future__ import annotations

import os
import signal

import pytest

from userprofile import errors


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
        raise error

    ended = job("run", pipeline)
    assert (ended.code, ended.result["exit_code"], ended.result["status"]) == (code, code, "failed")
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
