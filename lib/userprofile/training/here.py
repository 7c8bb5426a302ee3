"""Ranks as processes of this machine: one alone, several by horovodrun; or wherever another launcher puts them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import userprofile
from userprofile.errors import EnvironmentMismatchError
from userprofile.training.beats import STALLED, Beat, Beats
from userprofile.training.log import Log
from userprofile.training.processes import follow
from userprofile.training.ranks import START_SECONDS, beats_of, settings_of_libraries
from userprofile.training.request import TrainingRequest

# A rank ends itself at its own deadline and says where it hung; the launcher waits so much longer before it steps in.
GRACE_SECONDS = 30

# For the stack of a rank that hangs to come in, line by line.
ANSWER_SECONDS = 2.0

# By list, since Horovod writes the whole environment on command lines, which every user of the machine can read.
PASSED_ON = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "TZ",
    "USER",
)


def train_here(
    request: TrainingRequest,
    processes: int,
    workplace: Path,
    report: Callable[[str], None],
    launcher: Sequence[str] = (),
) -> dict[str, bytes]:
    """The files of rank 0. Raises what a rank raised, RankLostError, and InterruptedRunError after Ctrl-C."""
    with tempfile.TemporaryDirectory(dir=workplace.resolve(), prefix="training-") as name:
        order, results = Path(name, "request.json"), Path(name, "results")
        results.mkdir()
        worker = [sys.executable, "-m", "userprofile.training.worker", str(order), str(results)]
        of_user = [word.replace("{ranks}", str(processes)) for word in launcher]
        started_by = of_user or ([] if processes == 1 else _horovodrun(processes))
        log, beats = Log(report, ranks=processes), beats_of(request)
        with beats.listening(_address() if launcher else "127.0.0.1") as address:
            order.write_text(replace(request, beats=address).to_json())
            follow(
                [*started_by, *worker],
                _environment(request, os.environ if launcher else PASSED_ON),
                log,
                seconds=START_SECONDS + request.timeout_seconds + GRACE_SECONDS,
                check=_Guard(beats, log).check,
                stop=beats.stop,
            )
        return {path.name: path.read_bytes() for path in results.iterdir()}


@dataclass
class _Guard:
    """Ends ranks of this machine of which one is lost; one that hangs shows its stack first."""

    beats: Beats
    log: Log
    now: Callable[[], float] = time.monotonic
    asked: tuple[Beat, float] | None = None

    def check(self) -> None:
        """Raises RankLostError."""
        if self.asked is not None:
            beat, since = self.asked
            if self.now() - since > ANSWER_SECONDS:
                raise self.log.lost(beat, STALLED)
        elif not self.log.has_failure and (lost := self.beats.lost()):
            beat, how = lost
            if how != STALLED:
                raise self.log.lost(beat, how)
            if beat.host == socket.gethostname():
                with suppress(ProcessLookupError):
                    os.kill(beat.process, signal.SIGUSR1)
            self.asked = beat, self.now()


def _horovodrun(processes: int) -> list[str]:
    program = Path(sys.prefix, "bin", "horovodrun")
    if not program.exists():
        raise EnvironmentMismatchError(
            "more than one rank needs Horovod",
            expected=str(program),
            received="no such program",
            fix="make install, or train on one rank: --set train_model.processes=1",
        )
    options = ["--gloo", "--disable-cache", "--start-timeout", str(START_SECONDS)]
    return [str(program), *options, "-np", str(processes), "-H", f"localhost:{processes}"]


def _address() -> str:
    """Of this machine, for ranks on others."""
    try:
        return socket.gethostbyname(name := socket.gethostname())
    except OSError as reason:
        raise EnvironmentMismatchError(
            "ranks on other machines could not tell this one where they are",
            expected="a name of this machine that resolves to its address",
            received=f"{name}: {reason}",
            fix="put the name and the address into /etc/hosts",
        ) from reason


def _environment(request: TrainingRequest, passed_on: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in passed_on if name in os.environ} | {
        "PYTHONPATH": str(Path(userprofile.__file__).parents[1]),
        "PYTHONUNBUFFERED": "1",
        **settings_of_libraries(request),
    }
