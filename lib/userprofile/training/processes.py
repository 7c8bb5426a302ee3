"""A command of several processes on this machine: followed line by line, and ended whole."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO

import psutil

from userprofile.errors import InterruptedRunError
from userprofile.training.log import Log


def follow(command: Sequence[str], environment: dict[str, str], log: Log, *, seconds: float) -> None:
    """Run to the end, passing each line to `log`; however this ends, no process of the command is left.

    Raises InterruptedRunError after Ctrl-C, and what `log` knows of a failure or of more than `seconds`.
    """
    deadline = time.monotonic() + seconds
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
    try:
        for stream, line in _lines(process, deadline):
            log.take(stream, line)
        code = process.wait(max(deadline - time.monotonic(), 1))
    except (KeyboardInterrupt, SystemExit) as reason:
        raise interrupted() from reason
    except (TimeoutError, subprocess.TimeoutExpired) as reason:
        raise log.timed_out(seconds) from reason
    finally:
        _end_all(process)
    if code != 0:
        raise log.failure(code)


def _lines(process: subprocess.Popen[str], deadline: float) -> Iterator[tuple[str, str]]:
    """("stdout" or "stderr", line) until both are closed; raises TimeoutError at the deadline."""
    lines: queue.Queue[tuple[str, str | None]] = queue.Queue()

    def forward(name: str, stream: IO[str]) -> None:
        for line in stream:
            lines.put((name, line.rstrip("\n")))
        lines.put((name, None))

    streams = {"stdout": process.stdout, "stderr": process.stderr}
    for name, stream in streams.items():
        threading.Thread(target=forward, args=(name, stream), daemon=True).start()
    still_open = len(streams)
    while still_open:
        try:
            name, line = lines.get(timeout=max(deadline - time.monotonic(), 0.01))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            still_open -= 1
        else:
            yield name, line


def _end_all(process: subprocess.Popen[str]) -> None:
    """The process and what it started, ranks in sessions of their own included."""
    with suppress(psutil.NoSuchProcess):
        family = [*(parent := psutil.Process(process.pid)).children(recursive=True), parent]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=5)
    process.wait()


def interrupted() -> InterruptedRunError:
    """What Ctrl-C comes to."""
    return InterruptedRunError(
        "the training was interrupted; its ranks have ended, no model was written", fix="the same command starts anew"
    )
