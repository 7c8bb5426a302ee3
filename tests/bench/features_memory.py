"""Peak memory of this process and of those it started, read from the system while work goes on."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from types import TracebackType

import psutil

DRIVER, JVM, WORKER = "driver", "JVM", "Python worker"
SECONDS_BETWEEN = 0.2


class PeakMemory:
    """While entered, `mebibytes[kind]` is the largest resident size that a process of the kind has had.

    Kinds: this Python process (the driver), the JVM (driver and executor in one on a local master), and Python below a
    JVM (a worker).
    """

    def __init__(self) -> None:
        self.mebibytes: dict[str, float] = defaultdict(float)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._sample()
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN):
            self._sample()

    def _sample(self) -> None:
        me = psutil.Process()
        for kind, processes in by_kind(me, me.children()).items():
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    size = process.memory_info().rss / 2**20
                    self.mebibytes[kind] = max(self.mebibytes[kind], size)


def by_kind(driver: psutil.Process, children: list[psutil.Process]) -> dict[str, list[psutil.Process]]:
    """The driver, the JVMs among its children, and the Pythons below them.

    By name: a process that a JVM is just starting still has its memory, and the name of the thread that starts it.
    """
    found: dict[str, list[psutil.Process]] = {DRIVER: [driver], JVM: [], WORKER: []}
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name() == "java":
                found[JVM].append(child)
                found[WORKER] += [below for below in child.children(recursive=True) if _is_python(below)]
    return found


def _is_python(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("python")
    except psutil.NoSuchProcess:
        return False
