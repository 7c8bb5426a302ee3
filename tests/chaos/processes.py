"""Finding, among the processes of one run and one cluster, those that may be killed, and nobody else's."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

KINDS = ("driver", "executor", "worker", "python_worker", "rank")
_EXECUTOR, _WORKER = "CoarseGrainedExecutorBackend", "org.apache.spark.deploy.worker.Worker"


class Cluster:
    """The processes of a cluster that jobs/launchers/cluster.sh started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def workers(self) -> list[psutil.Process]:
        return [one for file in self._files() for one in _of(file)]

    def restart(self, killed: psutil.Process, command: list[str], environment: dict[str, str]) -> None:
        """What a supervisor does for a worker."""
        (file,) = (file for file in self._files() if file.read_text().strip() == str(killed.pid))
        with open(file.with_suffix(".log"), "a") as log:
            started = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        file.write_text(str(started.pid))

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("worker-*.pid"))


def candidates(kind: str, driver: int, cluster: Cluster) -> list[psutil.Process]:
    """Those of this kind that are alive now. The driver is two: Python, and the JVM below it."""
    if kind == "driver":
        return [one for one in _tree(driver) if one.pid == driver or "SparkSubmit" in _command(one)]
    workers = cluster.workers()
    if kind == "worker":
        return workers
    below = [one for worker in workers for one in _descendants(worker)]
    if kind == "executor":
        return [one for one in below if _EXECUTOR in _command(one)]
    if kind == "rank":
        return [one for one in below if _is_rank(one)]
    return [one for one in below if "pyspark.daemon" in _command(one) and not _is_rank(one)]


def _is_rank(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "HOROVOD_RANK" in process.environ()
    return False


def _of(file: Path) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.Error, ValueError, OSError):
        process = psutil.Process(int(file.read_text()))
        if _WORKER in _command(process):
            yield process


def _tree(root: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    return []


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
