"""Layers between the user embedding and what is predicted; lib/userprofile/heads says what is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import KerasTensor, ops

# Of the logarithm of an amount: below it the amount of one buyer would rule the loss.
LEAST_DEVIATION = 0.1

# Of a user's habits: what an event says of its class before anything is learnt, and how far a unit of weight moves it.
HABIT_START, HABIT_STEP = 3.0, 10.0


@dataclass(frozen=True)
class UserState:
    """What a head may read of a user."""

    embedding: KerasTensor  # [B, E]
    inputs: Mapping[str, KerasTensor]  # as profile_model.model_inputs
    present: KerasTensor  # [B, T] bool


@keras.saving.register_keras_serializable(package="userprofile")
class ScalarHead(keras.layers.Layer):
    """One number a user, linear in the embedding; `initial` is what an untrained head says of everyone."""

    def __init__(self, initial: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=(), initializer=keras.initializers.Constant(self.initial), name="bias")

    def call(self, embedding: KerasTensor) -> KerasTensor:  # [B, E]
        return ops.sum(embedding * self.kernel, axis=-1) + self.bias  # [B]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial}


@keras.saving.register_keras_serializable(package="userprofile")
class VectorHead(keras.layers.Layer):
    """[B, units], linear in the embedding; an untrained head says 0 of everyone."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.linear = keras.layers.Dense(units, kernel_initializer="zeros")

    def build(self, embedding_shape: Any) -> None:
        self.linear.build(embedding_shape)

    def call(self, embedding: KerasTensor) -> KerasTensor:  # [B, E]
        return self.linear(embedding)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="userprofile")
class AmountHead(keras.layers.Layer):
    """A zero-inflated log-normal amount: whether there is any, and mean and deviation of its logarithm, [B] each.

    An untrained head says one half, `initial`, and LEAST_DEVIATION + ln 2.
    """

    def __init__(self, initial: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = initial
        self.chance, self.mean, self.deviation = ScalarHead(), ScalarHead(initial), ScalarHead()

    def build(self, embedding_shape: Any) -> None:
        for part in (self.chance, self.mean, self.deviation):
            part.build(embedding_shape)

    def call(self, embedding: KerasTensor) -> dict[str, KerasTensor]:  # [B, E]
        return {
            f"{self.name}_chance_logit": self.chance(embedding),
            f"{self.name}_mean": self.mean(embedding),
            f"{self.name}_deviation": LEAST_DEVIATION + ops.softplus(self.deviation(embedding)),
        }

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial": self.initial}


@keras.saving.register_keras_serializable(package="userprofile")
class HabitHead(keras.layers.Layer):
    """[B, C] logits, a softmax over which shares out the classes that a user turns to next.

    Linear in the embedding, plus, for each of H counts, a strength x ln(1 + the user's events in the class). These let
    habits past a narrow embedding. A strength is HABIT_STEP x that of all classes + that of this one, since a class
    that was met once may be e**5 times as likely as another one, which an optimiser of small steps would never reach.
    An untrained head has HABIT_START for the first count and ranks a user's own classes by it.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.linear = keras.layers.Dense(classes, kernel_initializer="zeros")

    def build(self, embedding_shape: Any, counts_shape: Any) -> None:
        self.linear.build(embedding_shape)
        kinds = counts_shape[-1]
        self.shared = self.add_weight(shape=(kinds,), initializer=_habit_of_the_first, name="shared_habit")
        self.habit = self.add_weight(shape=(self.classes, kinds), initializer="zeros", name="habit")

    def call(self, embedding: KerasTensor, counts: KerasTensor) -> KerasTensor:  # [B, E], [B, C, H]
        return self.linear(embedding) + _of_habits(self._strength, counts)  # [B, C]

    def of_habits(self, counts: KerasTensor, place: KerasTensor) -> KerasTensor:  # [B, H], [B]
        """[B] what the counts of one class a user add to its logit."""
        return _of_habits(ops.take(self._strength, place, axis=0), counts)

    @property
    def _strength(self) -> KerasTensor:  # [C, H]
        return HABIT_STEP * self.shared + self.habit

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes}


def _of_habits(strength: KerasTensor, counts: KerasTensor) -> KerasTensor:
    """[..., H] to [...]."""
    return ops.sum(strength * ops.log1p(counts), axis=-1)


def _habit_of_the_first(shape: Any, dtype: Any = None) -> KerasTensor:
    """[H]"""
    return ops.cast(ops.arange(shape[0]) == 0, dtype) * (HABIT_START / HABIT_STEP)


@keras.saving.register_keras_serializable(package="userprofile")
class TaskWeights(keras.layers.Layer):
    """A learnt log variance a task, [B, tasks] the same for all users: Kendall, Gal & Cipolla 2018, arXiv:1705.07115.

    The objective is the sum over tasks of exp(-s) x loss + s: what cannot be foreseen well counts for less, and none
    can be left out by a great s.
    """

    def __init__(self, tasks: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tasks = tasks

    def build(self, embedding_shape: Any) -> None:
        self.log_variances = self.add_weight(shape=(self.tasks,), initializer="zeros", name="log_variances")

    def call(self, embedding: KerasTensor) -> KerasTensor:  # [B, E]
        return ops.zeros_like(embedding[:, :1]) + self.log_variances

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tasks": self.tasks}
