"""Ranks tell their launcher where they are, and it tells them to stop: one connection each, a line of JSON a beat.

A thread of the rank beats, so that a process that is stopped or gone falls silent, and one that is stuck is heard with
the step it is stuck in.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

ORPHANED = 1  # the exit code of a rank whose launcher has gone
STOP, STARTING, TRAINING, ENDED = "stop", "starting", "training", "ended"
SILENT, STALLED = "silent", "stalled"
_STOP_LINE = f"{STOP}\n".encode()


@dataclass(frozen=True)
class Beat:
    """Where a rank is; `steps` are those of training over all epochs, else those of the phase."""

    rank: int
    host: str
    process: int
    phase: str
    epoch: int
    steps: int

    @property
    def place(self) -> tuple[int, bool, int]:
        """Smaller for who has fallen behind: an epoch's training comes before whatever else is done in it."""
        return self.epoch, self.phase != TRAINING, self.steps


@dataclass
class _Heard:
    beat: Beat
    last: float  # when it was heard last
    moved: float  # when it was heard of another phase or step


class Beats:
    """The launcher's side."""

    def __init__(
        self,
        *,
        silent_seconds: float,
        stalled_seconds: float,
        starting_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silent, self._now = silent_seconds, now
        self._stalled, self._starting = stalled_seconds, max(starting_seconds, stalled_seconds)
        self._heard: dict[int, _Heard] = {}
        self._lock = threading.Lock()
        self._is_to_stop = threading.Event()
        self._connections: set[socket.socket] = set()

    def hear(self, beat: Beat) -> None:
        """A rank has said where it is."""
        with self._lock:
            before, now = self._heard.get(beat.rank), self._now()
            moved = before.moved if before and before.beat == beat else now
            self._heard[beat.rank] = _Heard(beat, now, moved)

    def lost(self) -> tuple[Beat, str] | None:
        """The rank that has been silent for too long, else one that has not moved for too long, and which it is.

        Others wait for it and do not move either: the one that has fallen behind the furthest is the cause.
        """
        with self._lock:
            now, heard = self._now(), [one for one in self._heard.values() if one.beat.phase != ENDED]
        if silent := [one for one in heard if now - one.last > self._silent]:
            return min(silent, key=lambda one: one.last).beat, SILENT
        if stalled := [one for one in heard if now - one.moved > self._patience(one.beat)]:
            return min(stalled, key=lambda one: (one.beat.place, one.moved)).beat, STALLED
        return None

    def _patience(self, beat: Beat) -> float:
        return self._starting if beat.phase == STARTING else self._stalled

    def stop(self) -> None:
        """Ask all ranks to write a checkpoint and end; at once those that are there, others when they first beat."""
        self._is_to_stop.set()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.sendall(_STOP_LINE)

    @contextmanager
    def listening(self, host: str) -> Iterator[str]:
        """The address that ranks beat to, as host:port; a free port is chosen."""
        beats = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                beats._connections.add(self.connection)
                for line in self.rfile:
                    beats.hear(Beat(**json.loads(line)))
                    if beats._is_to_stop.is_set():
                        self.wfile.write(_STOP_LINE)

        server = socketserver.ThreadingTCPServer((host, 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="beats", daemon=True).start()
        try:
            yield f"{host}:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            # A rank that still beats is out of this machine's reach, and ends by this.
            for connection in tuple(self._connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Beating:
    """The rank's side: a thread says where the rank is, as often as `seconds` asks."""

    def __init__(self, address: str, *, rank: int, process: int, seconds: float) -> None:
        host, port = address.rsplit(":", 1)
        self._connection = socket.create_connection((host, int(port)))
        self._lines = self._connection.makefile("r")
        self._seconds = seconds
        self._beat: dict[str, Any] = {
            "rank": rank, "host": socket.gethostname(), "process": process, "phase": STARTING, "epoch": 0, "steps": 0,
        }  # fmt: skip
        self.is_to_stop, self._is_closed = threading.Event(), threading.Event()
        threading.Thread(target=self._speak, name="beating", daemon=True).start()
        threading.Thread(target=self._listen, name="listening", daemon=True).start()

    def at(self, phase: str, *, epoch: int, steps: int) -> None:
        """From now on the rank is here; costs nothing."""
        self._beat = {**self._beat, "phase": phase, "epoch": epoch, "steps": steps}

    def close(self) -> None:
        """Fall silent, at the end of all work, so that it is no loss."""
        self._beat = {**self._beat, "phase": ENDED}  # also for the thread, which may be about to speak
        self._is_closed.set()
        with suppress(OSError):
            self._connection.sendall(_line(self._beat))

    def _speak(self) -> None:
        try:
            while not self._is_closed.wait(self._seconds):
                self._connection.sendall(_line(self._beat))
        except OSError:
            if not self._is_closed.is_set():
                os._exit(ORPHANED)  # nobody would end this rank if it hung

    def _listen(self) -> None:
        for line in self._lines:
            if line.strip() == STOP:
                self.is_to_stop.set()


def _line(beat: dict[str, Any]) -> bytes:
    return json.dumps(beat).encode() + b"\n"
