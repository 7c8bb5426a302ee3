"""One step of training or validation on a rank's part of a global batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from userprofile.feed.read import FEATURE_KEYS
from userprofile.model.losses import weighted_losses
from userprofile.training.collective import Collective
from userprofile.training.progress import WEIGHT

# Of the mean loss over the global batch. Beyond it a step keeps its direction and loses length (Pascanu et al. 2013).
LARGEST_GRADIENT_NORM = 1.0

# More than a layer draws in a step, so that no two steps draw the same.
DRAWS_A_STEP = 256

# A batch in; out, per head the sum of its loss over rows, and the sum of the rows' weights.
Step = Callable[[Mapping[str, np.ndarray]], dict[str, tf.Tensor]]


def training_step(model: keras.Model, optimiser: keras.optimizers.Optimizer, collective: Collective) -> Step:
    """Gives sums over the whole global batch, from before its weights changed.

    Gradients are of the sum over this rank's rows; they are added up over ranks and divided by the global weight, so
    that a rank with more padding counts for less, exactly.
    """
    optimiser.build(model.trainable_variables)
    weights = [variable.value for variable in model.trainable_variables]
    # What dropout draws follows from the step alone, so that a training that goes on draws what it would have drawn.
    chances = [state for state in model.variables if not any(state is weight for weight in model.weights)]
    seeds = [int(state.numpy()[0]) for state in chances]

    @tf.function(reduce_retracing=True)
    def step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        drawn = tf.cast(optimiser.iterations.value, tf.uint32) * DRAWS_A_STEP
        for state, seed in zip(chances, seeds, strict=True):
            state.assign(tf.stack([tf.constant(seed, tf.uint32), drawn]))
        with tf.GradientTape() as tape:
            losses = weighted_losses(model({key: batch[key] for key in FEATURE_KEYS}, training=True), batch)
            total = tf.add_n(list(losses.values()))
        # An embedding's gradient is a list of rows that may repeat; it has the norm of the sum only when it is dense.
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(total, weights, unconnected_gradients="zero")]
        local = {WEIGHT: tf.reduce_sum(batch[WEIGHT]), **losses}
        reduced = collective.allreduce_gradients([*gradients, *local.values()])
        sums = dict(zip(local, reduced[len(gradients) :], strict=True))
        mean = [gradient / sums[WEIGHT] for gradient in reduced[: len(gradients)]]
        clipped, _ = tf.clip_by_global_norm(mean, LARGEST_GRADIENT_NORM)
        optimiser.apply(clipped)
        return sums

    return step


def validation_step(model: keras.Model) -> Step:
    """Gives sums over this rank's rows; changes no weight, drops nothing out."""

    @tf.function(reduce_retracing=True)
    def step(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        losses = weighted_losses(model({key: batch[key] for key in FEATURE_KEYS}, training=False), batch)
        return {WEIGHT: tf.reduce_sum(batch[WEIGHT]), **losses}

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
