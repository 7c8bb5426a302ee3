"""What ranks and their launcher print: lines for people passed on, the rest kept for the case of a failure."""

from __future__ import annotations

import io
import json
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from userprofile.errors import RankLostError, UserprofileError
from userprofile.training.beats import Beat
from userprofile.training.worker import FAILURE, OTHER_RANK_LOST

_OF_A_RANK = re.compile(r"^\[(?P<rank>\d+)\]<(?P<stream>stdout|stderr)>:(?P<line>.*)$")
_FIRST_TO_END = re.compile(r"^Process name: (\d+)$")
_ITS_EXIT_CODE = re.compile(r"^Exit code: (\d+)$")
_STALLED = re.compile(r"^Timeout \(\S+\)!$")
_NOISE = re.compile(r"^(WARNING: All log messages before absl|[IW]\d{4} )")

AGAIN = (
    "the same command goes on from the last checkpoint; if it ends like this again, try one rank: "
    "train_model.processes=1"
)

_LINES_KEPT = 80
_LINES_SHOWN = 30


class Log:
    """Lines as "[rank]<stream>:line" from Horovod's launchers, or bare: then those of rank 0, but for failures."""

    def __init__(self, report: Callable[[str], None], *, ranks: int) -> None:
        self._report, self._ranks = report, ranks
        self._kept: deque[tuple[int, str]] = deque(maxlen=_LINES_KEPT)
        self._failures: dict[int, UserprofileError] = {}
        self._stalled: list[int] = []
        self._bereft: set[int] = set()
        self._first_to_end: int | None = None
        self._exit_code: int | None = None
        self._of_ranks = False
        self._lock = threading.Lock()

    @property
    def has_failure(self) -> bool:
        """Whether a rank has said of itself why it ends; the others then end too."""
        return bool(self._failures)

    def take(self, stream: str, text: str) -> None:
        """One line, or more with line ends between, of "stdout" or "stderr"."""
        with self._lock:
            for line in text.splitlines():
                self._take(stream, line)

    def stream(self, name: str) -> io.TextIOBase:
        """A text stream into this log, for threads of a launcher to write whole lines to."""
        return _Stream(lambda text: self.take(name, text))

    def failure(self, code: int) -> UserprofileError:
        """Why the ranks ended: what the rank said that ended first, or what is known of it and the end of its log."""
        rank = self._culprit()
        if named := self._failures.get(rank):
            return named if type(named) is not UserprofileError or named.fix else self._with_log(named.what, rank)
        if rank in self._stalled:
            return self._lost(f"the training stalled: rank {rank} waited too long for a step", rank)
        if self._first_to_end is not None:
            code = self._exit_code if self._first_to_end == rank and self._exit_code is not None else 0
        return self._lost(f"rank {rank} of the training ended without a word{_exit_in_words(code)}", rank)

    def lost(self, beat: Beat, how: str) -> RankLostError:
        """The launcher has not heard of the rank, or not of another step, for too long."""
        where = f"process {beat.process} on {beat.host}, {beat.phase}, epoch {beat.epoch}, after step {beat.steps:,}"
        return self._lost(f"rank {beat.rank} of the training is {how}: {where}", beat.rank)

    def timed_out(self, seconds: float) -> UserprofileError:
        """The launcher itself had to end the ranks."""
        return self._with_log(f"the training did not end within {seconds:.0f} s", self._culprit())

    def _culprit(self) -> int:
        """The rank because of which the others failed: the first to end, unless it ended for want of another."""
        if self._first_to_end is not None and self._first_to_end not in self._bereft:
            return self._first_to_end
        spoken = [*self._failures, *self._stalled]
        return next(iter([*spoken, *(rank for rank in range(self._ranks) if rank not in self._bereft)]), 0)

    def _take(self, stream: str, line: str) -> None:
        if match := _OF_A_RANK.match(line):
            self._of_ranks = True
            self._take_of_rank(int(match["rank"]), match["stream"], match["line"])
        elif not self._of_ranks:
            self._take_of_rank(0, stream, line)
        elif first := _FIRST_TO_END.match(line):
            self._first_to_end = int(first[1])
        elif its := _ITS_EXIT_CODE.match(line):
            self._exit_code = int(its[1])

    def _take_of_rank(self, rank: int, stream: str, line: str) -> None:
        if line.startswith(FAILURE):
            fields = json.loads(line.removeprefix(FAILURE))
            rank = fields.pop("rank")
            self._failures.setdefault(rank, _error(rank, fields))
        elif line.startswith(OTHER_RANK_LOST):
            self._bereft.add(int(line.removeprefix(OTHER_RANK_LOST)))
        elif stream == "stdout":
            self._report(line)
        elif line and not _NOISE.match(line):
            self._kept.append((rank, line))
            if _STALLED.match(line):
                self._stalled.append(rank)

    def _with_log(self, what: str, rank: int) -> UserprofileError:
        return UserprofileError(what, received=self._end_of_log(rank), fix=AGAIN)

    def _lost(self, what: str, rank: int) -> RankLostError:
        return RankLostError(what, received=self._end_of_log(rank), fix=AGAIN)

    def _end_of_log(self, rank: int) -> str:
        lines = [line for of, line in self._kept if of == rank][-_LINES_SHOWN:]
        return "\n    ".join(["the end of its log:", *lines]) if lines else "nothing in its log"


class _Stream(io.TextIOBase):
    def __init__(self, take: Callable[[str], None]) -> None:
        self._line = take

    def write(self, text: str) -> int:
        self._line(text)
        return len(text)

    def writable(self) -> bool:
        return True


def _error(rank: int, fields: dict[str, Any]) -> UserprofileError:
    """The error that a rank raised, as its class; one that was not foreseen names the rank."""
    # A class that shares the code of a defect would be taken for every defect.
    foreseen = [kind for kind in UserprofileError.__subclasses__() if kind.exit_code != UserprofileError.exit_code]
    kinds = {int(kind.exit_code): kind for kind in foreseen}
    kind = kinds.get(fields.pop("exit_code"), UserprofileError)
    if kind is UserprofileError and not fields["fix"]:
        fields["what"] = f"rank {rank} of the training failed: {fields['what']}"
    return kind(**fields)


def _exit_in_words(code: int) -> str:
    """A shell adds 128 to the number of the signal that ended its child, Python makes it negative; 0 is unknown."""
    signal = code - 128 if code > 128 else max(-code, 0)
    return f", by signal {signal}" if signal else f", exit code {code}" if code else ""
