"""Starts the ranks of a training wherever they run, passes on what they say, and brings back what they leave.

TensorFlow never loads into the process that calls `launch`, which may be a Spark driver.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import userprofile
from userprofile.errors import EnvironmentMismatchError
from userprofile.feed.plan import shards_of_rank
from userprofile.spark.code import code_archive
from userprofile.training.log import Log
from userprofile.training.processes import follow, interrupted
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import HISTORY, Trained

START_SECONDS = 120

# A rank ends itself at its own deadline and says where it hung; the launcher waits so much longer before it steps in.
GRACE_SECONDS = 30

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

Report = Callable[[str], None]


def launch(request: TrainingRequest, *, processes: int, spark: Any | None, workplace: Path, report: Report) -> Trained:
    """Train on `processes` ranks: executors of `spark` where given, else processes of this machine.

    On executors `spark` must be the active session, this the main thread, and request.table an absolute path or URI
    that is readable there. `workplace` is an existing folder for what passes between processes of this machine.
    Raises what a rank raised, UserprofileError with the end of the log where a rank died without a word,
    InterruptedRunError after Ctrl-C; no process of this machine is left behind.
    """
    shards_of_rank(request.shards, rank=0, size=processes)
    files = _on_executors(request, processes, spark, report) if spark else _here(request, processes, workplace, report)
    return Trained(files, json.loads(files[HISTORY]))


def _here(request: TrainingRequest, processes: int, workplace: Path, report: Report) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(dir=workplace, prefix="training-") as name:
        order, results = Path(name, "request.json"), Path(name, "results")
        order.write_text(request.to_json())
        results.mkdir()
        worker = [sys.executable, "-m", "userprofile.training.worker", str(order), str(results)]
        command = worker if processes == 1 else [*_horovodrun(processes), *worker]
        environment = _environment(request)
        follow(
            command,
            environment,
            Log(report, ranks=processes),
            seconds=START_SECONDS + request.timeout_seconds + GRACE_SECONDS,
        )
        return {path.name: path.read_bytes() for path in results.iterdir()}


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


def _environment(request: TrainingRequest) -> dict[str, str]:
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
        "PYTHONPATH": str(Path(userprofile.__file__).parents[1]),
        "PYTHONUNBUFFERED": "1",
        **_settings_of_libraries(request),
    }


def _settings_of_libraries(request: TrainingRequest) -> dict[str, str]:
    return {
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": str(request.threads_per_rank),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def _on_executors(request: TrainingRequest, processes: int, spark: Any, report: Report) -> dict[str, bytes]:
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
    log = Log(report, ranks=processes)
    with _signals_seen() as seen, _job_cancelled_quietly():
        try:
            files = horovod.spark.run(
                _rank_on_executor(),
                args=(code_archive().read_bytes(), request.to_json()),
                num_proc=processes,
                start_timeout=START_SECONDS,
                use_gloo=True,
                env=_settings_of_libraries(request),
                stdout=log.stream("stdout"),
                stderr=log.stream("stderr"),
                verbose=0,
                executable=spark.sparkContext.pythonExec,
            )
        except Exception as reason:
            if seen():
                raise interrupted() from reason
            log.take("stderr", str(reason))
            raise log.failure(1) from reason
    return files[0]


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
