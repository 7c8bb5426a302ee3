"""Of what ranks print, people see progress, and after a failure the rank that failed first and why."""

from __future__ import annotations

import json

import pytest

from userprofile.errors import DataGateError, UserprofileError
from userprofile.training.log import Log
from userprofile.training.worker import FAILURE, OTHER_RANK_LOST


@pytest.fixture
def lines() -> list[str]:
    return []


def told(log: Log, *lines: str, stream: str = "stderr") -> Log:
    for line in lines:
        log.take(stream, line)
    return log


def failure(rank: int, what: str, *, exit_code: int = 1, fix: str = "") -> str:
    fields = {"rank": rank, "exit_code": exit_code, "what": what, "expected": "", "received": "", "fix": fix}
    return FAILURE + json.dumps(fields)


def test_people_see_what_ranks_tell_them_and_no_launcher(lines):
    log = Log(lines.append, ranks=2)
    told(log, "[0]<stdout>:epoch 1/2", "Process 1 exit with status code 1.", "[0]<stdout>:epoch 2/2", stream="stdout")
    told(log, "[0]<stderr>:I0000 00:00:1 port.cc:153] oneDNN", "[1]<stderr>:a warning")
    assert lines == ["epoch 1/2", "epoch 2/2"]


def test_a_process_alone_needs_no_prefix(lines):
    log = told(Log(lines.append, ranks=1), "epoch 1/2", stream="stdout")
    assert lines == ["epoch 1/2"]
    assert "by signal 9" in log.failure(-9).what


def test_an_error_of_a_rank_keeps_its_class(lines):
    log = told(Log(lines.append, ranks=2), "[1]<stderr>:" + failure(1, "no rows", exit_code=3))
    error = log.failure(1)
    assert type(error) is DataGateError
    assert error.what == "no rows"


def test_an_unforeseen_error_comes_with_its_rank_and_the_end_of_its_log(lines):
    log = told(
        Log(lines.append, ranks=2), "[1]<stderr>:  in line 7", "[0]<stderr>:calm", "[1]<stderr>:" + failure(1, "E: x")
    )
    error = log.failure(1)
    assert type(error) is UserprofileError
    assert error.what == "rank 1 of the training failed: E: x"
    assert "in line 7" in error.received
    assert "calm" not in error.received


def test_the_rank_that_ended_first_is_named_whoever_complains(lines):
    log = told(
        Log(lines.append, ranks=2),
        "[0]<stderr>:" + failure(0, "ConnectionResetError: peer"),
        "RuntimeError: Horovod detected ... The first process to do so was:\nProcess name: 1\nExit code: 137",
    )
    assert log.failure(1).what == "rank 1 of the training ended without a word, by signal 9"


def test_a_rank_that_ended_for_want_of_another_is_not_blamed(lines):
    log = told(Log(lines.append, ranks=2), f"[0]<stderr>:{OTHER_RANK_LOST} 0", "Process name: 0\nExit code: 1")
    assert log.failure(1).what == "rank 1 of the training ended without a word"


def test_a_stalled_rank_shows_where_it_waits(lines):
    log = told(
        Log(lines.append, ranks=2), "[1]<stderr>:Timeout (0:00:06)!", "[1]<stderr>:  File loop.py", "Process name: 1"
    )
    error = log.failure(1)
    assert error.what == "the training stalled: rank 1 waited too long for a step"
    assert "File loop.py" in error.received


def test_failures_are_of_the_rank_that_says_so_where_no_launcher_tells_lines_apart(lines):
    log = told(Log(lines.append, ranks=2), failure(1, "no rows", exit_code=3), f"{OTHER_RANK_LOST} 0")
    assert log.failure(1).what == "no rows"
    log = told(Log(lines.append, ranks=2), f"{OTHER_RANK_LOST} 1")
    assert log.failure(1).what == "rank 0 of the training ended without a word, exit code 1"
