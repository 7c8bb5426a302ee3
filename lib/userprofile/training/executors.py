"""Ranks on the executors of a Spark cluster, by horovod.spark.run."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from userprofile.errors import EnvironmentMismatchError, RankLostError
from userprofile.spark.code import code_archive
from userprofile.training.beats import Beats
from userprofile.training.log import Log
from userprofile.training.processes import SECONDS_BETWEEN_CHECKS, interrupted
from userprofile.training.ranks import START_SECONDS, beats_of, settings_of_libraries
from userprofile.training.request import TrainingRequest


def train_on_executors(
    request: TrainingRequest, processes: int, spark: Any, report: Callable[[str], None]
) -> dict[str, bytes]:
    """The files of rank 0. Raises as train_here does, and EnvironmentMismatchError where cores are too few."""
    import horovod.spark

    slots = spark.sparkContext.defaultParallelism
    if slots < processes:
        raise EnvironmentMismatchError(
            "the cluster has too few slots for the ranks of the training",
            expected=f"{processes} cores on executors",
            received=str(slots),
            fix=f"add workers, or --set train_model.processes={slots}",
        )
    _require_gloo()
    log, beats = Log(report, ranks=processes), beats_of(request)
    host = str(spark.conf.get("spark.driver.host"))
    with (
        beats.listening(host) as address,
        _cancelled_when_lost(beats, log, spark) as lost,
        _signals_seen() as seen,
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
        except Exception as reason:
            if seen():
                raise interrupted() from reason
            if lost:
                raise lost[0] from reason
            log.take("stderr", str(reason))
            raise log.failure(1) from reason
    return files[0]


@contextmanager
def _cancelled_when_lost(beats: Beats, log: Log, spark: Any) -> Iterator[list[RankLostError]]:
    """Ends the Spark job when a rank is lost; the list then holds the error."""
    lost: list[RankLostError] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(SECONDS_BETWEEN_CHECKS):
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
def _signals_seen() -> Iterator[Callable[[], bool]]:
    """Tells whether SIGINT or SIGTERM came meanwhile, and puts their handlers back.

    horovod.spark.run sets handlers of its own, leaves them, and turns an interruption into a plain failure.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    previous = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)

    def seen() -> bool:
        with suppress(BlockingIOError):
            return bool({int(number) for number in receiver.recv(4096)} & set(map(int, handlers)))
        return False

    try:
        yield seen
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        receiver.close()
        sender.close()


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
