"""One rank of a training, as a process of its own: `python -m userprofile.training.worker <request.json> <folder>`.

Lines for people go to standard output. A failure that a rank can name goes to standard error as one line of JSON.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from userprofile.errors import EnvironmentMismatchError, ExitCode, UserprofileError
from userprofile.training.beats import Beating
from userprofile.training.collective import of_environment
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import NETWORK, Trained

FAILURE = "userprofile-failure "

# Horovod raises where another rank has gone; what happened is for that rank to say.
OTHER_RANK_LOST = "userprofile-other-rank-lost"

# Until then libraries load, all ranks arrive and the network is compiled.
FIRST_STEP_SECONDS = 180.0

SECONDS_BETWEEN_BEATS = 1.0

# Of those that a launcher hears: so many are missed before a rank is taken for lost.
BEATS_BEFORE_SILENCE = 5

# For a launcher that listens to ask a stalled rank for its stack and to end all.
LAUNCHER_SECONDS = 30.0

# After the whole time is up: for the step under way, so that its beat can say so in words.
LAST_BEAT_SECONDS = 10.0


class Watchdog:
    """Ends this process, with the stacks of its threads on standard error, unless a beat comes in time.

    A C thread watches, so that also a process stuck in a collective or in native code ends. The first rank that ends
    makes the launcher end the others.
    """

    def __init__(self, *, stall_seconds: float, timeout_seconds: float) -> None:
        self.stall_seconds, self.timeout_seconds = stall_seconds, timeout_seconds
        self.started = self.armed = time.monotonic()
        self._arm(max(stall_seconds, FIRST_STEP_SECONDS))

    def beat(self) -> None:
        """Starts the wait anew, cheap enough for every step; raises UserprofileError when the whole time is up."""
        if (now := time.monotonic()) - self.armed > SECONDS_BETWEEN_BEATS:
            self.armed = now
            if now - self.started > self.timeout_seconds:
                raise UserprofileError(
                    "the training did not end within its time, starts after a lost rank included",
                    fix="allow more by train_model.timeout, or train fewer epochs or on more ranks",
                )
            self._arm(self.stall_seconds)

    def rest(self) -> None:
        """Nothing is watched any more."""
        faulthandler.cancel_dump_traceback_later()

    def _arm(self, seconds: float) -> None:
        left = self.started + self.timeout_seconds - self.armed
        faulthandler.dump_traceback_later(min(seconds, max(left, 0) + LAST_BEAT_SECONDS), exit=True)


def run(request: TrainingRequest, report: Callable[[str], None]) -> Trained:
    """Train as the rank that the environment says; rank 0 also judges the saved model on validation and test."""
    if request.bind_to_cores:
        _bind(request.threads_per_rank)  # before threads start, Horovod's too: they inherit it
    # A launcher that listens knows which rank is the cause, and comes first.
    stall_seconds = request.stall_seconds + (LAUNCHER_SECONDS if request.beats else 0)
    watchdog = Watchdog(stall_seconds=stall_seconds, timeout_seconds=request.timeout_seconds)
    place = _Place(request, watchdog)  # before the others are waited for: whoever waits in vain is heard
    collective = of_environment(request.ranks)
    _use_machine(request.threads_per_rank, collective.local_rank)

    if request.timed_steps:
        from userprofile.training.timing import timed

        trained = Trained(timed(request, collective, beat=place.at), [])
        place.leave()
        return trained

    from userprofile.training.loop import train

    trained = train(request, collective, report=report, beat=place.at, stop=place.is_to_stop)
    if collective.rank == 0:
        trained = replace(trained, files=trained.files | _evaluation(trained, request, place))
    place.leave()
    return trained


class _Place:
    """Where this rank is, told to its watchdog and to a launcher that listens."""

    def __init__(self, request: TrainingRequest, watchdog: Watchdog) -> None:
        self._watchdog, self._beating = watchdog, None
        if request.beats:
            seconds = request.silent_seconds / BEATS_BEFORE_SILENCE
            self._beating = Beating(request.beats, rank=_rank(), process=os.getpid(), seconds=seconds)

    def at(self, phase: str, epoch: int, steps: int) -> None:
        """As Loop's Beat."""
        self._watchdog.beat()
        if self._beating:
            self._beating.at(phase, epoch=epoch, steps=steps)

    def leave(self) -> None:
        """All work is done: nobody need watch any more."""
        self._watchdog.rest()
        if self._beating:
            self._beating.close()

    def is_to_stop(self) -> bool:
        """Whether the launcher asks for it."""
        return self._beating is not None and self._beating.is_to_stop.is_set()


def attempt(request: str) -> dict[str, bytes] | int:
    """`run` for a launcher that has no other channel than the process: files on rank 0 and none elsewhere, or the
    exit code after a failure, which has been printed.

    The caller then has to leave by os._exit: Horovod's exit handler would wait for ranks that wait for this one.
    """
    try:
        return run(TrainingRequest.from_json(request), lambda line: print(line, flush=True)).files
    except BaseException as error:
        return _told(error)


def main(arguments: list[str]) -> None:
    """The files of rank 0 into the folder, each whole or not at all."""
    faulthandler.register(signal.SIGUSR1)  # the launcher asks one that hangs where it does
    request, folder = map(Path, arguments)
    outcome = attempt(request.read_text())
    if isinstance(outcome, int):
        os._exit(outcome)
    for name, content in outcome.items():
        unfinished = folder / f"{name}.unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(folder / name)


def _rank() -> int:
    """Before the collective is there, or where it could not be."""
    return int(os.environ.get("HOROVOD_RANK", "0"))


def _bind(threads: int) -> None:
    """This process to cores of its own; ranks of a machine share out those that it may use."""
    cores = sorted(os.sched_getaffinity(0))
    first = int(os.environ.get("HOROVOD_LOCAL_RANK", "0")) * threads
    if len(mine := cores[first : first + threads]) < threads:
        raise EnvironmentMismatchError(
            "a rank cannot be bound to cores of its own",
            expected=f"at least {first + threads} cores for the ranks of a machine, {threads} for each",
            received=f"{len(cores)} that processes may use",
            fix="train on fewer ranks, or set train_model.bind_to_cores to false",
        )
    os.sched_setaffinity(0, mine)


def _use_machine(threads: int, local_rank: int) -> None:
    """This rank's share of cores, and its own GPU where there are any."""
    import pyarrow as pa
    import tensorflow as tf

    pa.set_cpu_count(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if gpus := tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices(gpus[local_rank % len(gpus)], "GPU")


def _evaluation(trained: Trained, request: TrainingRequest, place: _Place) -> dict[str, bytes]:
    """The task's, of the network as it was saved."""
    import keras

    from userprofile.training.tasks import task_of

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NETWORK
        path.write_bytes(trained.files[NETWORK])
        model = keras.saving.load_model(path)
    epochs = len(trained.history)
    return task_of(request).judged(model, request, lambda split, done: place.at(f"judging on {split}", epochs, done))


def _told(error: BaseException) -> int:
    """Standard error has the stack for the log, and one line for the launcher; gives the exit code."""
    traceback.print_exception(error)
    code = error.exit_code if isinstance(error, UserprofileError) else ExitCode.DEFECT
    if isinstance(error, UserprofileError) or "Horovod" not in f"{type(error).__name__} {error}":
        named = error if isinstance(error, UserprofileError) else UserprofileError(f"{type(error).__name__}: {error}")
        fields = {name: getattr(named, name) for name in ("what", "expected", "received", "fix")}
        print(FAILURE + json.dumps({"rank": _rank(), "exit_code": int(code), **fields}), file=sys.stderr)
    else:
        print(OTHER_RANK_LOST, _rank(), file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


if __name__ == "__main__":
    main(sys.argv[1:])
