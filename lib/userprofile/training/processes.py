"""A command of several processes on this machine: followed line by line, and ended whole."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

import psutil

from userprofile.errors import InterruptedRunError, RankLostError, UserprofileError
from userprofile.training.log import Log

SECONDS_BETWEEN_CHECKS = 1.0

# For ranks that were asked to stop: the step under way, a checkpoint, and their end.
STOP_SECONDS = 60.0


def follow(
    command: Sequence[str],
    environment: dict[str, str],
    log: Log,
    *,
    seconds: float,
    check: Callable[[], None] = lambda: None,
    stop: Callable[[], None] = lambda: None,
) -> None:
    """Run to the end, passing each line to `log`; however this ends, no process of the command is left.

    `check` is called about every second and may raise. Ctrl-C calls `stop`, which asks the command to end in order; a
    second one, or none of it within STOP_SECONDS, ends it by force. Raises InterruptedRunError then, and what `log`
    knows of a failure or of more than `seconds`.
    """
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the others in order
    )
    lines, is_to_stop = _Lines(process), False
    try:
        try:
            code = _ended(process, lines, log, seconds, check)
        except TimeoutError as reason:
            raise log.timed_out(seconds) from reason
        except KeyboardInterrupt:
            is_to_stop = True
            stop()
            code = _ended(process, lines, log, STOP_SECONDS, lambda: None)
    except (KeyboardInterrupt, SystemExit, TimeoutError) as reason:
        raise interrupted() from reason
    finally:
        _end_all(process)
    if code != 0:
        raise or_interrupted(log.failure(code), is_to_stop=is_to_stop)
    if is_to_stop:  # it came to its end meanwhile; whoever asked wants nothing more to begin
        raise interrupted()


def _ended(process: subprocess.Popen[str], lines: _Lines, log: Log, seconds: float, check: Callable[[], None]) -> int:
    """The exit code; raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while lines.are_open:
        if (left := deadline - time.monotonic()) <= 0:
            raise TimeoutError
        if told := lines.next(min(left, SECONDS_BETWEEN_CHECKS)):
            log.take(*told)
        check()
    try:
        return process.wait(max(deadline - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


class _Lines:
    """What a process writes to both of its streams, by threads that wait for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._queue: queue.Queue[tuple[str, str | None]] = queue.Queue()
        streams = {"stdout": process.stdout, "stderr": process.stderr}
        self._open = len(streams)
        for name, stream in streams.items():
            threading.Thread(target=self._forward, args=(name, stream), daemon=True).start()

    @property
    def are_open(self) -> bool:
        return self._open > 0

    def next(self, seconds: float) -> tuple[str, str] | None:
        """("stdout" or "stderr", line); None where none came in time, or a stream was closed."""
        try:
            name, line = self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            self._open -= 1
            return None
        return name, line

    def _forward(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            self._queue.put((name, line.rstrip("\n")))
        self._queue.put((name, None))


def _end_all(process: subprocess.Popen[str]) -> None:
    """The process and what it started, ranks in sessions of their own included."""
    with suppress(psutil.NoSuchProcess):
        family = [*(parent := psutil.Process(process.pid)).children(recursive=True), parent]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=5)
    process.wait()


def or_interrupted(failure: UserprofileError, *, is_to_stop: bool) -> UserprofileError:
    """The failure, but for a lost rank of those that were asked to stop: after it all would start again."""
    return interrupted() if is_to_stop and isinstance(failure, RankLostError) else failure


def interrupted() -> InterruptedRunError:
    """What Ctrl-C comes to."""
    return InterruptedRunError(
        "the training was interrupted; its ranks have ended, no model was written",
        fix="the same command goes on from the last checkpoint, or starts anew where there is none",
    )
