"""What texts and images say of items, fused into the items' vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable(package="userprofile")
class ItemContent(keras.layers.Layer):
    """[items, W] -> [items, W]: vectors of items with what their texts and images say fused into them.

    The contents' own vectors lie among the weights, and are not learnt; zeros where an item has none. Each kind is
    projected to W. An item without any of them keeps the vector that came in.
    """

    def __init__(self, items: int, kinds: Sequence[str], content_width: int, width: int, fusion: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.sizes: dict[str, Any] = {"items": items, "kinds": list(kinds), "content_width": content_width}
        self.sizes |= {"width": width, "fusion": fusion}
        # So that contents begin as loud as the items' own embeddings, whose standard deviation is 0.02.
        quiet = keras.initializers.VarianceScaling(0.02**2, mode="fan_in", distribution="truncated_normal")
        self.projections = {
            kind: keras.layers.Dense(width, kernel_initializer=quiet, name=f"project_{kind}") for kind in kinds
        }
        self.fuse = FUSIONS[fusion](width, name=fusion)

    def build(self, shape: Any) -> None:
        items, content_width, width = (self.sizes[name] for name in ("items", "content_width", "width"))
        fixed = {"shape": (items, content_width), "initializer": "zeros", "trainable": False}
        self.vectors = {kind: self.add_weight(name=f"vectors_{kind}", **fixed) for kind in self.sizes["kinds"]}
        for projection in self.projections.values():
            projection.build((items, content_width))
        self.fuse.build((items, 1 + len(self.projections), width))

    def call(self, vectors: KerasTensor) -> KerasTensor:  # [items, W]
        said = [ops.convert_to_tensor(self.vectors[kind]) for kind in self.projections]  # [items, V] each
        parts = [vectors, *(self.projections[kind](one) for kind, one in zip(self.projections, said, strict=True))]
        present = [
            ops.ones_like(vectors[:, 0], dtype="bool"),
            *(ops.any(ops.not_equal(one, 0), axis=1) for one in said),
        ]
        return self.fuse(ops.stack(parts, axis=1), ops.stack(present, axis=1))

    def assign(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Lay down the vectors of each kind, float32 [items, V]."""
        for kind, of_items in vectors.items():
            self.vectors[kind].assign(of_items)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.sizes}


class _Fusion(keras.layers.Layer):
    """[N, P, W] and which of them are there, [N, P] -> [N, W]. The first is always there, and alone it stays itself."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="userprofile")
class ConcatOfContents(_Fusion):
    """The first, plus what two layers make of all of them side by side."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        self.hidden = keras.layers.Dense(2 * width, activation="gelu")
        self.project = keras.layers.Dense(width, use_bias=False)

    def build(self, shape: Any) -> None:
        self.hidden.build((None, shape[1] * self.width))
        self.project.build((None, 2 * self.width))

    def call(self, parts: KerasTensor, present: KerasTensor) -> KerasTensor:
        heard = parts * ops.cast(present, parts.dtype)[:, :, None]
        flat = ops.reshape(heard, (-1, parts.shape[1] * self.width))  # [N, P W]
        is_told = ops.cast(ops.any(present[:, 1:], axis=1), parts.dtype)[:, None]
        return parts[:, 0] + is_told * self.project(self.hidden(flat))


@keras.saving.register_keras_serializable(package="userprofile")
class AttentionOfContents(_Fusion):
    """A mean of all that are there; weights by how the key of each fits one learnt query, as of the first.

    Softmax over P of query . key / sqrt(W) (Vaswani et al. 2017).
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        self.query = keras.layers.Dense(width)
        self.key = keras.layers.Dense(width)

    def build(self, shape: Any) -> None:
        self.query.build((None, self.width))
        self.key.build((None, None, self.width))

    def call(self, parts: KerasTensor, present: KerasTensor) -> KerasTensor:
        fit = ops.einsum("nw,npw->np", self.query(parts[:, 0]), self.key(parts)) / self.width**0.5  # [N, P]
        weights = ops.softmax(ops.where(present, fit, -1e9), axis=1)
        return ops.einsum("np,npw->nw", weights, parts)


@keras.saving.register_keras_serializable(package="userprofile")
class GatedContents(_Fusion):
    """The first, plus each other through gates of its own, one a number, that the first and the other open."""

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(width, **kwargs)
        self.gate = keras.layers.Dense(width, activation="sigmoid")

    def build(self, shape: Any) -> None:
        self.gate.build((None, None, 2 * self.width))

    def call(self, parts: KerasTensor, present: KerasTensor) -> KerasTensor:
        first, others = parts[:, :1], parts[:, 1:]  # [N, 1, W], [N, P - 1, W]
        pairs = ops.concatenate([ops.broadcast_to(first, ops.shape(others)), others], axis=-1)
        heard = others * self.gate(pairs) * ops.cast(present[:, 1:], parts.dtype)[:, :, None]
        return parts[:, 0] + ops.sum(heard, axis=1)


FUSIONS: dict[str, type[_Fusion]] = {
    "concat": ConcatOfContents,
    "attention": AttentionOfContents,
    "gated": GatedContents,
}
