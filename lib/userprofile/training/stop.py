"""An orderly end, asked for by signals, of ranks that this process follows from its main thread."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from userprofile.training.beats import Beats
from userprofile.training.processes import STOP_SECONDS


class Stop:
    """The first SIGINT or SIGTERM asks ranks for a checkpoint, a second one sets `by_force`."""

    def __init__(self, beats: Beats) -> None:
        self._beats, self._asked_at = beats, math.inf
        self.by_force = threading.Event()

    @property
    def is_asked(self) -> bool:
        return self._asked_at < math.inf

    @property
    def is_overdue(self) -> bool:
        """Whether ranks have not ended in the time that they have for it."""
        return time.monotonic() - self._asked_at > STOP_SECONDS

    def by_signals(self) -> threading.Event:
        """From now on; gives `by_force`."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        return self.by_force

    @contextmanager
    def until_here(self) -> Iterator[None]:
        """At the end, signals do what they did before."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if self.is_asked:
            self.by_force.set()
        else:
            self._asked_at = time.monotonic()
            self._beats.stop()
