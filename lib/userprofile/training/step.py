"""One step of training or validation on a rank's part of a global batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from userprofile.training.collective import Collective
from userprofile.training.progress import SKIPPED, WEIGHT
from userprofile.training.sharding import is_shard
from userprofile.training.sparse import Gradient, gathered, lighter
from userprofile.training.tasks import Task

# Of the mean loss over the global batch. Beyond it a step keeps its direction and loses length (Pascanu et al. 2013).
LARGEST_GRADIENT_NORM = 1.0

# More than a layer draws in a step, so that no two steps draw the same.
DRAWS_A_STEP = 256

# A batch in; out, per head the sum of its loss over rows or events, and WEIGHT, how many these are.
Step = Callable[[Mapping[str, np.ndarray]], dict[str, tf.Tensor]]
Batch = Mapping[str, tf.Tensor]
Added = tuple[dict[str, tf.Tensor], list[Gradient]]  # such sums, and a gradient for each weight


class WholeStep:
    """What a training step does, one thing after the other: compute, reduce, apply.

    Gradients are of the sum over this rank's rows, of so many equal parts one after the other; they are added up over
    parts and ranks and divided by the global weight, so that a rank with more padding counts for less, exactly. Where
    the mean gradient or a loss is no finite number no rank changes a weight, and the step counts for nothing but
    SKIPPED. With `half_of_rows`, the rows of a global batch, gradients travel in half precision.
    """

    def __init__(
        self,
        task: Task,
        model: keras.Model,
        optimiser: keras.optimizers.Optimizer,
        collective: Collective,
        *,
        parts: int = 1,
        half_of_rows: int = 0,
    ) -> None:
        self._task, self._model, self._parts = task, model, parts
        self._optimiser, self._collective = optimiser, collective
        self._half_of_rows = half_of_rows
        optimiser.build(model.trainable_variables)
        self._weights = [variable.value for variable in model.trainable_variables]
        self._is_shard = [is_shard(variable) for variable in model.trainable_variables]
        # What dropout draws follows from the step alone: a training that goes on draws what it would have drawn.
        self._chances = [state for state in model.variables if not any(state is weight for weight in model.weights)]
        self._seeds = [int(state.numpy()[0]) for state in self._chances]

    def compute(self, batch: Batch) -> Added:
        """Of this rank's rows, with a part of them in memory at a time."""
        drawn = tf.cast(self._optimiser.iterations.value, tf.uint32) * DRAWS_A_STEP
        for state, seed in zip(self._chances, self._seeds, strict=True):
            state.assign(tf.stack([tf.constant(seed, tf.uint32), drawn]))
        if self._parts == 1:
            return self._of_part(batch)
        rows = tf.shape(batch[WEIGHT])[0] // self._parts
        sums, gradients = self._of_part({name: values[:rows] for name, values in batch.items()})
        for part in range(1, self._parts):
            with tf.control_dependencies(gradients):
                start = tf.identity(part * rows)
            more, further = self._of_part({name: values[start : start + rows] for name, values in batch.items()})
            sums = {name: value + more[name] for name, value in sums.items()}
            gradients = [one + other for one, other in zip(gradients, further, strict=True)]
        return sums, gradients

    def reduce(self, local: dict[str, tf.Tensor], gradients: list[Gradient]) -> Added:
        """Added up over ranks, dense; a shard's gradient is so already."""
        dense = [place for place, one in enumerate(gradients) if not self._is_shard[place] and tf.is_tensor(one)]
        sums, added = self._dense_sums(list(local.values()), [gradients[place] for place in dense])
        of_dense = dict(zip(dense, added, strict=True))
        return dict(zip(local, sums, strict=True)), [
            of_dense.get(place, one) if tf.is_tensor(one) else gathered(one, self._collective)
            for place, one in enumerate(gradients)
        ]

    def _dense_sums(self, sums: list[tf.Tensor], gradients: list[tf.Tensor]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        if not self._half_of_rows:
            reduced = self._collective.allreduce_gradients([*gradients, *sums])
            return reduced[len(gradients) :], reduced[: len(gradients)]
        # As parts of a mean: sums over a batch are too great for half precision, or too coarse in it.
        halves = [tf.cast(one / self._half_of_rows, tf.float16) for one in gradients]
        of_ranks = self._collective.allreduce_gradients(sums)
        added = self._collective.allreduce_gradients(halves)
        return of_ranks, [tf.cast(one, tf.float32) * self._half_of_rows for one in added]

    def apply(self, sums: dict[str, tf.Tensor], gradients: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        """Change the weights."""
        mean = [tf.math.divide_no_nan(one, sums[WEIGHT]) for one in gradients]
        norm = self._norm(mean)
        clipped, _ = tf.clip_by_global_norm(mean, LARGEST_GRADIENT_NORM, use_norm=norm)
        is_finite = tf.reduce_all([tf.math.is_finite(one) for one in (norm, *sums.values())])

        def applied() -> tf.Tensor:
            self._optimiser.apply(clipped)
            return is_finite

        tf.cond(is_finite, applied, lambda: is_finite)
        counted = {name: tf.where(is_finite, value, 0.0) for name, value in sums.items()}
        return {**counted, SKIPPED: tf.where(is_finite, 0.0, 1.0)}

    def _norm(self, gradients: list[tf.Tensor]) -> tf.Tensor:
        """Of the whole network's, the same on all ranks."""
        whole, shards = (
            [one for one, is_one in zip(gradients, self._is_shard, strict=True) if is_one is asked]
            for asked in (False, True)
        )
        if not shards:
            return tf.linalg.global_norm(whole)
        (squares,) = self._collective.allreduce_gradients([tf.linalg.global_norm(shards) ** 2])
        return tf.sqrt(tf.linalg.global_norm(whole) ** 2 + squares)

    def _of_part(self, part: Batch) -> Added:
        with tf.GradientTape() as tape:
            sums = self._task.sums(self._model, part, training=True)
            objective = self._task.objective(self._model, sums)
        found = tape.gradient(objective, self._weights, unconnected_gradients="zero")
        # Rows of several parts would be as many lists: they are added up dense.
        ranks = self._collective.size if self._parts == 1 else 1
        return sums, [
            lighter(one, ranks=1 if is_one else ranks) for one, is_one in zip(found, self._is_shard, strict=True)
        ]


def training_step(whole: WholeStep) -> Step:
    """Gives sums over the whole global batch, from before its weights changed, and SKIPPED: 1 or 0."""

    @tf.function(reduce_retracing=True)
    def step(batch: Batch) -> dict[str, tf.Tensor]:
        return whole.apply(*whole.reduce(*whole.compute(batch)))

    return step


def validation_step(task: Task, model: keras.Model) -> Step:
    """Gives sums over this rank's rows; changes no weight, drops nothing out."""

    @tf.function(reduce_retracing=True)
    def step(batch: Batch) -> dict[str, tf.Tensor]:
        return task.sums(model, batch, training=False)

    return step


class Sums:
    """Adds up what steps give, in double precision, without waiting for a device until somebody reads."""

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        self._totals = {name: tf.constant(value, tf.float64) for name, value in (before or {}).items()}

    def add(self, of_step: Mapping[str, tf.Tensor]) -> None:
        """The sums of one more step."""
        for name, value in of_step.items():
            value = tf.cast(value, tf.float64)
            self._totals[name] = self._totals[name] + value if name in self._totals else value

    def read(self) -> dict[str, float]:
        """Plain numbers; waits for the steps added so far."""
        return {name: float(value) for name, value in self._totals.items()}
