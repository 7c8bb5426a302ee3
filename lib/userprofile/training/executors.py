"""Ranks on the executors of a Spark cluster, by horovod.spark.run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any, TextIO

from userprofile.errors import EnvironmentMismatchError, RankLostError
from userprofile.spark.code import code_archive
from userprofile.training.beats import Beats
from userprofile.training.log import Log
from userprofile.training.processes import SECONDS_BETWEEN_CHECKS, interrupted, or_interrupted
from userprofile.training.ranks import START_SECONDS, beats_of, settings_of_libraries
from userprofile.training.request import TrainingRequest
from userprofile.training.stop import Stop


def train_on_executors(
    request: TrainingRequest, processes: int, spark: Any, report: Callable[[str], None], *, slots_within: timedelta
) -> dict[str, bytes]:
    """The files of rank 0. Raises as train_here does, and as require_slots where cores are too few for so long."""
    import horovod.spark
    from horovod.runner import gloo_run
    from horovod.runner.common.util import network

    # As of Horovod, no rank and no launcher of this machine's processes needs it.
    from userprofile.spark.resources import require_slots

    require_slots(spark.sparkContext, processes, within=slots_within)
    _require_gloo()
    log, beats = Log(report, ranks=processes), beats_of(request)
    stop, host = Stop(beats), str(spark.conf.get("spark.driver.host"))
    with (
        beats.listening(host) as address,
        stop.until_here(),
        # Horovod's own handlers end ranks at once. Until they would be set, a signal finds nothing worth keeping.
        _in_place_of(gloo_run, "register_shutdown_event", stop.by_signals),
        _in_place_of(network, "shutil", SimpleNamespace(copyfileobj=_copy_lines)),
        _watched(beats, log, stop, spark) as lost,
        _job_cancelled_quietly(),
    ):
        try:
            files = horovod.spark.run(
                _rank_on_executor(),
                args=(code_archive().read_bytes(), replace(request, beats=address).to_json()),
                num_proc=processes,
                start_timeout=START_SECONDS,
                use_gloo=True,
                env=settings_of_libraries(request),
                stdout=log.stream("stdout"),
                stderr=log.stream("stderr"),
                verbose=0,
                executable=spark.sparkContext.pythonExec,
            )
        except KeyboardInterrupt as reason:
            raise interrupted() from reason
        except Exception as reason:
            log.take("stderr", str(reason))
            raise or_interrupted(lost[0] if lost else log.failure(1), is_to_stop=stop.is_asked) from reason
        if stop.is_asked:
            raise interrupted()
    return files[0]


@contextmanager
def _watched(beats: Beats, log: Log, stop: Stop, spark: Any) -> Iterator[list[RankLostError]]:
    """Ends the Spark job when a rank is lost, the list then holds the error; and ranks that do not stop."""
    lost: list[RankLostError] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(SECONDS_BETWEEN_CHECKS):
            if stop.is_overdue:
                stop.by_force.set()
            if not log.has_failure and (found := beats.lost()):
                lost.append(log.lost(*found))
                spark.sparkContext.cancelAllJobs()
                return

    threading.Thread(target=watch, name="watch", daemon=True).start()
    try:
        yield lost
    finally:
        is_over.set()


def _rank_on_executor() -> Callable[[bytes, str], dict[str, bytes]]:
    """A function that travels by value: an executor's machine has Horovod and TensorFlow, this package it may not."""

    def rank(archive: bytes, request: str) -> dict[str, bytes]:
        import os
        import pathlib
        import shutil
        import sys
        import tempfile

        folder = tempfile.mkdtemp(prefix="userprofile-")
        code = pathlib.Path(folder, "userprofile.zip")
        code.write_bytes(archive)
        sys.path.insert(0, str(code))
        from userprofile.training.worker import attempt

        outcome = attempt(request)
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(outcome, int):
            os._exit(outcome)
        return outcome

    return rank


@contextmanager
def _in_place_of(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Of what Horovod takes no argument for."""
    of_horovod = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, of_horovod)


def _copy_lines(reader: Any, log: TextIO) -> None:
    """What a rank prints, line by line; Horovod would wait for 64 KiB, and cut a line there."""
    for line in reader.stream:
        log.write(line.decode(errors="replace"))


def _require_gloo() -> None:
    """Asks before Horovod does, which remembers the answer: the child that looks loads TensorFlow, aloud."""
    from horovod.common.util import gloo_built

    with _muted(2):
        built = gloo_built(verbose=False)
    if not built:
        raise EnvironmentMismatchError(
            "this Horovod cannot connect ranks by Gloo",
            expected="Horovod built with HOROVOD_WITH_GLOO=1 on the TensorFlow that is installed",
            received="a build without, or one for another TensorFlow",
            fix="make install, or train on one rank: --set train_model.processes=1",
        )


@contextmanager
def _muted(descriptor: int) -> Iterator[None]:
    """What this process and its children write to the file descriptor goes nowhere."""
    kept = os.dup(descriptor)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


@contextmanager
def _job_cancelled_quietly() -> Iterator[None]:
    """Horovod's thread dies of the Spark job that Horovod cancels when a rank fails: no stack for a user to read."""
    hook = threading.excepthook
    threading.excepthook = lambda of: None if "run_spark" in str(of.thread) else hook(of)
    try:
        yield
    finally:
        threading.excepthook = hook
