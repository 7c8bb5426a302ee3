"""The encoders' vectors as one user embedding: P parts, each [B, its width], to [B, E]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops


class _Fusion(keras.layers.Layer):
    """Parts joined, one hidden layer with dropout, a projection, layer normalisation.

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
        self.hidden.build((None, self.build_joining(shapes)))
        self.project.build((None, 2 * self.width))
        self.normalise.build((None, self.width))

    def build_joining(self, shapes: Sequence[Any]) -> int:
        """Makes what `joined` needs; gives the width of what it returns."""
        raise NotImplementedError

    def joined(self, parts: Sequence[KerasTensor]) -> KerasTensor:
        """[B, joined width]."""
        raise NotImplementedError

    def call(self, parts: Sequence[KerasTensor], training: bool | None = None) -> KerasTensor:  # each [B, ?]
        hidden = self.drop(self.hidden(self.joined(parts)), training=training)  # [B, 2 E]
        return self.normalise(self.project(hidden))  # [B, E]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="userprofile")
class ConcatFusion(_Fusion):
    """All parts side by side."""

    def build_joining(self, shapes: Sequence[Any]) -> int:
        return sum(shape[-1] for shape in shapes)

    def joined(self, parts: Sequence[KerasTensor]) -> KerasTensor:
        return ops.concatenate(list(parts), axis=-1)


class _Weighted(_Fusion):
    """The sum of the parts' projections to one width, each times a weight of the user's own."""

    def build_joining(self, shapes: Sequence[Any]) -> int:
        self.projections = [keras.layers.Dense(self.width) for _ in shapes]
        for projection, shape in zip(self.projections, shapes, strict=True):
            projection.build(shape)
        return self.width

    def projected(self, parts: Sequence[KerasTensor]) -> KerasTensor:
        """[B, P, E]."""
        return ops.stack([one(part) for one, part in zip(self.projections, parts, strict=True)], axis=1)


@keras.saving.register_keras_serializable(package="userprofile")
class AttentionFusion(_Weighted):
    """One weight a part, a softmax over parts of a learnt query with the part's projection; at first all the same."""

    def build_joining(self, shapes: Sequence[Any]) -> int:
        self.query = self.add_weight(shape=(self.width,), initializer="zeros", name="query")
        return super().build_joining(shapes)

    def joined(self, parts: Sequence[KerasTensor]) -> KerasTensor:
        projected = self.projected(parts)
        heights = ops.matmul(ops.tanh(projected), self.query[:, None])  # [B, P, 1]
        return ops.sum(ops.softmax(heights, axis=1) * projected, axis=1)


@keras.saving.register_keras_serializable(package="userprofile")
class GatedFusion(_Weighted):
    """One weight a part and number, a sigmoid of all parts: Arevalo et al. 2017, "Gated Multimodal Units"
    (arXiv:1702.01992).
    """

    def build_joining(self, shapes: Sequence[Any]) -> int:
        self.gate = keras.layers.Dense(len(shapes) * self.width, activation="sigmoid")
        self.gate.build((None, sum(shape[-1] for shape in shapes)))
        return super().build_joining(shapes)

    def joined(self, parts: Sequence[KerasTensor]) -> KerasTensor:
        gates = ops.reshape(self.gate(ops.concatenate(list(parts), axis=-1)), (-1, len(parts), self.width))
        return ops.sum(gates * self.projected(parts), axis=1)


FUSIONS = {"concat": ConcatFusion, "attention": AttentionFusion, "gated": GatedFusion}
