"""Where the seconds of a step go on each rank, with the parts of a step called one after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import count, islice, pairwise

import keras
import tensorflow as tf

from userprofile.feed.read import Batch
from userprofile.training.collective import Collective
from userprofile.training.limits import require_rows
from userprofile.training.loop import Beat, initial_model, of_step
from userprofile.training.request import TrainingRequest
from userprofile.training.rows import Rows
from userprofile.training.step import WholeStep, training_step
from userprofile.training.tasks import task_of
from userprofile.training.trained import TIMINGS

# Until then functions are compiled and connections made.
WARM_STEPS = 10


@dataclass(frozen=True)
class Timing:
    """Seconds of all timed steps on one rank.

    `whole` is of as many real steps, data included; the others are of steps taken apart: `reading` waits for a batch,
    `compute` is forwards, backwards and the change of the weights, `waiting` is for the slowest rank, `allreduce` what
    is left of adding gradients up.
    """

    rank: int
    steps: int
    rows: int  # of this rank, without padding
    whole: float
    reading: float
    compute: float
    waiting: float
    allreduce: float


def timed(request: TrainingRequest, collective: Collective, *, beat: Beat) -> dict[str, bytes]:
    """`timings.json` on rank 0: a Timing for each rank, over request.timed_steps; nothing on others.

    Rows are those of split train in the order of an epoch, again from the first where they do not suffice. Raises
    DataGateError without any.
    """
    model = initial_model(request, collective)
    optimiser = keras.optimizers.AdamW(request.learning_rate)
    task = task_of(request)
    whole_step = WholeStep(task, model, optimiser, collective, **of_step(request))
    step, apart = training_step(whole_step), _Apart(whole_step, collective)
    fed = _endless(Rows(request, task.form(), collective), request)
    for number, batch in enumerate(islice(fed, WARM_STEPS)):
        _done(step(batch))
        apart.step(batch)
        beat("warming up", 0, number)
    collective.barrier()
    whole, rows = _whole(step, islice(fed, request.timed_steps), beat)
    apart.clear()
    started = time.perf_counter()
    for number, batch in enumerate(islice(fed, request.timed_steps)):
        apart.seconds["reading"] += time.perf_counter() - started
        apart.step(batch)
        beat("timing steps taken apart", 0, number)
        started = time.perf_counter()
    mine = Timing(collective.rank, request.timed_steps, rows, whole, **apart.seconds)
    of_all = collective.gather_object(asdict(mine))
    return {TIMINGS: json.dumps(of_all).encode()} if collective.rank == 0 else {}


def _endless(rows: Rows, request: TrainingRequest) -> Iterator[Batch]:
    found = rows.listed(request.learnt)
    require_rows(found, request)
    for epoch in count(1):
        yield from rows.fed(rows.plan(found, epoch=epoch))


def _whole(step: Callable[[Batch], dict[str, tf.Tensor]], fed: Iterator[Batch], beat: Beat) -> tuple[float, int]:
    """Seconds, and rows of weight 1."""
    started, rows, sums = time.perf_counter(), 0, {}
    for number, batch in enumerate(fed):
        sums = step(batch)
        rows += int(batch["weight"].sum())
        beat("timing whole steps", 0, number)
    _done(sums)
    return time.perf_counter() - started, rows


class _Apart:
    """A step whose parts are waited for."""

    def __init__(self, whole: WholeStep, collective: Collective) -> None:
        self._compute, self._reduce, self._apply = map(tf.function, (whole.compute, whole.reduce, whole.apply))
        self._collective = collective
        self.clear()

    def clear(self) -> None:
        """Forget the seconds so far."""
        self.seconds = dict.fromkeys(("reading", "compute", "waiting", "allreduce"), 0.0)

    def step(self, batch: Batch) -> None:
        """Add the seconds of one more."""
        times = [time.perf_counter()]
        sums, gradients = self._compute({name: tf.constant(values) for name, values in batch.items()})
        _done(sums | {"last": gradients[-1]})
        times.append(time.perf_counter())
        self._collective.barrier()
        times.append(time.perf_counter())
        sums, gradients = self._reduce(sums, gradients)
        _done(sums | {"last": gradients[-1]})
        times.append(time.perf_counter())
        _done(self._apply(sums, gradients))
        times.append(time.perf_counter())
        computed, waited, reduced, applied = (end - start for start, end in pairwise(times))
        self.seconds["compute"] += computed + applied
        self.seconds["waiting"] += waited
        self.seconds["allreduce"] += reduced


def _done(tensors: Mapping[str, tf.Tensor]) -> None:
    """Wait for the device."""
    for tensor in tensors.values():
        tensor.numpy()
