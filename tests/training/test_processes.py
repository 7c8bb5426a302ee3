"""A command that is followed: how it ends when it is asked to, and what a stuck process of it says at last."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

from userprofile.errors import InterruptedRunError, RankLostError
from userprofile.training.beats import STALLED, Beat
from userprofile.training.here import ANSWER_SECONDS, _Guard
from userprofile.training.log import Log
from userprofile.training.processes import follow

# Waits for its launcher before it ends as it was going to anyway.
ENDS_WELL = [sys.executable, "-uc", "print('at work'); input_was_closed = open(0).read(); print('done')"]
STUCK = [
    sys.executable,
    "-uc",
    "import faulthandler, signal, time; faulthandler.register(signal.SIGUSR1)\n"
    "def stuck_in_here():\n    print('stuck'); time.sleep(600)\nstuck_in_here()",
]


def test_who_is_interrupted_is_told_so_though_the_command_came_to_its_end(python_environment):
    said: list[str] = []
    asked: list[bool] = []

    def report(line: str) -> None:
        said.append(line)
        if len(said) == 1:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="was interrupted"):
        follow(ENDS_WELL, python_environment, Log(report, ranks=1), seconds=60, stop=lambda: asked.append(True))
    assert asked == [True]
    assert said == ["at work", "done"]


class Stalled:
    """Hears of one rank that does not move."""

    def __init__(self, beat: Beat) -> None:
        self.beat = beat

    def lost(self) -> tuple[Beat, str]:
        return self.beat, STALLED


def test_a_rank_that_hangs_shows_where_before_it_is_ended():
    process = subprocess.Popen(STUCK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    now, log = [0.0], Log(print, ranks=2)
    streams: Any = process
    assert streams.stdout.readline() == "stuck\n"
    beat = Beat(rank=1, host=socket.gethostname(), process=process.pid, phase="training", epoch=3, steps=40)
    guard = _Guard(Stalled(beat), log, now=lambda: now[0])
    guard.check()
    guard.check()
    while "stuck_in_here" not in (line := streams.stderr.readline()):
        log.take("stderr", f"[1]<stderr>:{line.rstrip()}")
    log.take("stderr", f"[1]<stderr>:{line.rstrip()}")
    now[0] = ANSWER_SECONDS + 0.1
    with pytest.raises(RankLostError, match="rank 1 of the training is stalled") as raised:
        guard.check()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert "after step 40" in raised.value.what
    assert "in stuck_in_here" in raised.value.received


def test_what_a_rank_says_of_itself_comes_before_its_silence():
    log = Log(print, ranks=2)
    beat = Beat(rank=1, host="here", process=2**22 + 1, phase="training", epoch=3, steps=40)
    log.take("stderr", '[1]<stderr>:userprofile-failure {"rank": 1, "exit_code": 3, "what": "no rows", "expected": "", '
             '"received": "", "fix": "more"}')  # fmt: skip
    guard = _Guard(Stalled(beat), log)
    guard.check()
    assert guard.asked is None
    assert str(log.failure(1)).startswith("no rows")
