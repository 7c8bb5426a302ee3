"""A rank ends by itself when it hangs or runs out of time, and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from userprofile.errors import EnvironmentMismatchError, UserprofileError
from userprofile.training import worker
from userprofile.training.worker import FAILURE, OTHER_RANK_LOST, Watchdog, attempt

STUCK = """
import threading
from userprofile.training import worker
worker.FIRST_STEP_SECONDS = 0.2
worker.Watchdog(stall_seconds=0.2, timeout_seconds=60)
def stuck_here(): threading.Event().wait(60)
stuck_here()
"""


def test_a_process_that_hangs_ends_and_shows_where(python_environment):
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", STUCK], env=python_environment, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Timeout (")
    assert "stuck_here" in ended.stderr
    assert time.monotonic() - started < 30


def test_time_that_is_up_is_an_error_in_words(monkeypatch):
    monkeypatch.setattr(worker, "SECONDS_BETWEEN_BEATS", -1.0)
    watchdog = Watchdog(stall_seconds=60, timeout_seconds=-1)
    try:
        with pytest.raises(UserprofileError, match="did not end within"):
            watchdog.beat()
    finally:
        watchdog.rest()


def test_a_failure_is_one_line_for_the_launcher(capsys):
    assert attempt("no JSON") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert json.loads(line.removeprefix(FAILURE))["what"] == "this is not a training request"


def test_an_error_that_another_rank_caused_is_not_told_as_its_own(capsys, monkeypatch):
    def lost(*_):
        raise RuntimeError("Horovod has been shut down")

    monkeypatch.setattr(worker.TrainingRequest, "from_json", lost)
    assert attempt("{}") == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"{OTHER_RANK_LOST} 0"


@pytest.mark.parametrize(("local_rank", "threads", "mine"), [(0, 1, {2}), (2, 1, {5}), (1, 2, {5, 7})])
def test_ranks_of_a_machine_share_out_the_cores_that_they_may_use(monkeypatch, local_rank, threads, mine):
    bound = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {7, 2, 3, 5})
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cores: bound.append(set(cores)))
    monkeypatch.setenv("HOROVOD_LOCAL_RANK", str(local_rank))
    worker._bind(threads)
    assert bound == [mine]


def test_a_rank_that_finds_no_core_of_its_own_says_so(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 5})
    monkeypatch.setenv("HOROVOD_LOCAL_RANK", "1")
    with pytest.raises(EnvironmentMismatchError, match="at least 4 cores"):
        worker._bind(2)
