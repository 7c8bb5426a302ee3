"""A user's events, or a user's numbers, as one vector. Events come oldest first with padding at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable(package="userprofile")
class GruEncoder(keras.layers.Layer):
    """The state of a GRU after the last event; zeros for a user without events (Cho et al. 2014, arXiv:1406.1078).

    keras.layers.GRU in its loop form: on one core, 256 users of 50 events at width 64 took 41 ms a training step,
    unrolled 40 ms after five times the compilation, one compiled by XLA 51 ms.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.gru = keras.layers.GRU(width)

    def build(self, events_shape: Any, present_shape: Any = None) -> None:
        self.gru.build(events_shape)

    def call(self, events: KerasTensor, present: KerasTensor) -> KerasTensor:  # [B, T, F], [B, T] bool
        # cuDNN refuses a row that is padding throughout: such a row reads its first, all-zero event instead.
        first = ops.arange(events.shape[1]) == 0
        state = self.gru(events, mask=ops.logical_or(present, first))  # [B, W]
        return ops.where(ops.any(present, axis=1, keepdims=True), state, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="userprofile")
class MaskedMean(keras.layers.Layer):
    """The mean of a user's event vectors; zeros for a user without events. What a GRU forgets stays in it."""

    def call(self, events: KerasTensor, present: KerasTensor) -> KerasTensor:  # [B, T, F], [B, T] bool
        kept = ops.cast(present, events.dtype)[..., None]  # [B, T, 1]
        return ops.sum(events * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1.0)  # [B, F]


@keras.saving.register_keras_serializable(package="userprofile")
class IndexCounts(keras.layers.Layer):
    """How many of a user's events have each of the `counted` indices; indices range over [0, `size`)."""

    def __init__(self, counted: Sequence[int], size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counted, self.size = list(counted), size

    def call(self, index: KerasTensor, present: KerasTensor) -> KerasTensor:  # [B, T], [B, T] bool
        weights = ops.cast(present, "float32")
        counts = ops.bincount(index, weights=weights, minlength=self.size)  # [B, size]
        return ops.take(ops.reshape(counts, (-1, self.size)), ops.array(self.counted, "int32"), axis=1)  # [B, C]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "counted": self.counted, "size": self.size}


@keras.saving.register_keras_serializable(package="userprofile")
class DenseTower(keras.layers.Layer):
    """A user's standardised numbers and their masks through one hidden layer with dropout."""

    def __init__(self, width: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.dropout = width, dropout
        self.hidden = keras.layers.Dense(width, activation="gelu")
        self.drop = keras.layers.Dropout(dropout)

    def build(self, input_shape: Any) -> None:
        self.hidden.build(input_shape)

    def call(self, dense: KerasTensor, training: bool | None = None) -> KerasTensor:  # [B, 2 D]
        return self.drop(self.hidden(dense), training=training)  # [B, W]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "dropout": self.dropout}
