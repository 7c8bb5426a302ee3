"""The encoders' vectors as one user embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable(package="userprofile")
class ConcatFusion(keras.layers.Layer):
    """Concatenation, one hidden layer with dropout, a projection, layer normalisation.

    An embedding has mean 0 and variance 1 over its numbers before the learned scale and shift: no encoder's magnitude
    leaks into a dot product of users.
    """

    def __init__(self, width: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.dropout = width, dropout
        self.hidden = keras.layers.Dense(2 * width, activation="gelu")
        self.drop = keras.layers.Dropout(dropout)
        self.project = keras.layers.Dense(width)
        self.normalise = keras.layers.LayerNormalization()

    def build(self, shapes: Sequence[Any]) -> None:
        self.hidden.build((None, sum(shape[-1] for shape in shapes)))
        self.project.build((None, 2 * self.width))
        self.normalise.build((None, self.width))

    def call(self, parts: Sequence[KerasTensor], training: bool | None = None) -> KerasTensor:  # each [B, ?]
        hidden = self.drop(self.hidden(ops.concatenate(list(parts), axis=-1)), training=training)  # [B, 2 E]
        return self.normalise(self.project(hidden))  # [B, E]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "dropout": self.dropout}
