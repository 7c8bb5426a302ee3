"""make bench-training: a training step in mixed precision and compiled by XLA, against the plain one.

One rank, one thread, on the table and the network of training.py, batches in memory. Figures are medians over rounds in
which the ways of computing take turns, of the seconds of a core: other work on the machine counts for less. SMALL=1: a
tenth of the steps, one round.

Training does neither: half precision was not faster on a CPU, and what XLA gained made up for its compiling after 700
steps in one run and after 1,700 in another, while `make run` trains about 290. Nor can it compile a whole step of
several ranks, which has Horovod's collectives in it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice, starmap
from pathlib import Path
from statistics import median
from time import process_time

import keras
import tensorflow as tf
from measure import Measure, is_small, publish
from training_table import request_of, write_table

from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import Batch, batches
from userprofile.tables.row_groups import row_groups
from userprofile.training.collective import alone
from userprofile.training.progress import WEIGHT
from userprofile.training.request import TrainingRequest
from userprofile.training.step import Step, WholeStep
from userprofile.training.tasks import task_of

ROWS = 2_000
STEPS, ROUNDS = (5, 1) if is_small() else (50, 7)
COMMAND = "make bench-training SMALL=1" if is_small() else "make bench-training"


@dataclass(frozen=True)
class Way:
    """How a step is computed: with matrix products in bfloat16 or not, compiled by XLA or not."""

    name: str
    is_mixed: bool = False
    is_compiled: bool = False


PLAIN = Way("plain float32")
OTHERS = (
    Way("mixed_bfloat16", is_mixed=True),
    Way("XLA", is_compiled=True),
    Way("mixed_bfloat16 and XLA", is_mixed=True, is_compiled=True),
)


def main() -> int:
    """Exit code 0: nothing must be met."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-precision-") as name:
        request = request_of(Path(name), write_table(Path(name), rows=ROWS))
        groups = list(starmap(RowGroup, row_groups(request.table, 0, partition={"split": "train"})))
        plan = plan_pass(groups, shards=1, batch_rows=request.batch_rows, shuffle=(1, 1), buffer_rows=ROWS)
        fed = [batch for batch in batches(plan, (0,), task_of(request).form()) if batch[WEIGHT].all()]
    return publish("training, precision and XLA", list(measures(request, fed)))


def measures(request: TrainingRequest, fed: list[Batch]) -> Iterator[Measure]:
    """Of the plain step its milliseconds, of the others how many are done in the time of a plain one."""
    steps = {way: step_of(way, request) for way in (PLAIN, *OTHERS)}
    for way, step in steps.items():
        yield Measure(f"until the first step is done: {way.name}", seconds(step, fed[:1]), "s", command=COMMAND)
        seconds(step, fed, steps=STEPS)
    rounds = [{way: seconds(step, fed, steps=STEPS) for way, step in steps.items()} for _ in range(ROUNDS)]
    milliseconds = median(1000 * of_round[PLAIN] / STEPS for of_round in rounds)
    yield Measure("a step in plain float32, one thread", milliseconds, "ms", command=COMMAND)
    for way in OTHERS:
        ratio = median(of_round[PLAIN] / of_round[way] for of_round in rounds)
        yield Measure(f"steps per second of a core: {way.name} / plain float32", ratio, "times", command=COMMAND)


def step_of(way: Way, request: TrainingRequest) -> Step:
    keras.utils.set_random_seed(request.seed)
    task = task_of(request)
    model = task.model()
    if way.is_mixed:
        mix(model)
    whole = WholeStep(task, model, keras.optimizers.AdamW(request.learning_rate), alone())

    @tf.function(jit_compile=way.is_compiled)
    def step(batch: Batch) -> dict[str, tf.Tensor]:
        return whole.apply(*whole.reduce(*whole.compute(batch)))

    return step


def mix(model: keras.Model) -> None:
    """Keras' mixed_bfloat16 where there are matrix products; ages, counts, heads and losses stay as they are."""
    history, tower, fusion = map(model.get_layer, ("history", "dense_tower", "embedding"))
    for layer in (history.recurrent, history.recurrent.cell, tower.hidden, fusion.hidden, fusion.project):
        layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")


def seconds(step: Step, fed: list[Batch], *, steps: int = 1) -> float:
    """Of a core."""
    started = process_time()
    for batch in islice(cycle(fed), steps):
        sums = step(batch)
    for value in sums.values():
        value.numpy()
    return process_time() - started


if __name__ == "__main__":
    sys.exit(main())
