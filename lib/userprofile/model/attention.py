"""Encoders that look back by attention: a user's state after each event, from it and the events before it.

N events of all users one after the other, W numbers a state, H heads. Events lie in blocks of L, the longest history;
whatever an event may look at is in its block or the one before: R blocks, [R, L, 2 L] pairs, so 2 L for each event and
none for padding.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops

from userprofile.model.positions import GAP_BUCKETS, Blocks, gap_bucket

# Of a weight of attention that must not count, before the softmax.
FORBIDDEN = -1e9


@keras.saving.register_keras_serializable(package="userprofile")
class RelativeBias(keras.layers.Layer):
    """[R, H, L, 2 L], what is added to the attention from event i to event j: by i - j, and by the time between them.

    As HSTU's rab^{p,t} (Zhai et al. 2024, arXiv:2402.17152), times in buckets that double. Zero until it is learnt;
    FORBIDDEN where j is of another user, or comes after i.
    """

    def __init__(self, longest: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest, self.heads = longest, heads

    def build(self, days_shape: Any = None) -> None:
        self.by_distance = self.add_weight(shape=(self.longest, self.heads), initializer="zeros", name="by_distance")
        self.by_time = self.add_weight(shape=(GAP_BUCKETS, self.heads), initializer="zeros", name="by_time")

    def call(self, days: KerasTensor, *, blocks: Blocks) -> KerasTensor:  # [N], days since some instant
        here, seen = blocks.cut(days[:, None])[..., 0], blocks.seen(days[:, None])[..., 0]  # [R, L], [R, 2 L]
        distance = self.longest + ops.arange(self.longest)[:, None] - ops.arange(2 * self.longest)  # [L, 2 L]
        by_distance = ops.take(self.by_distance, ops.clip(distance, 0, self.longest - 1), axis=0)  # [L, 2 L, H]
        by_time = ops.take(self.by_time, gap_bucket(here[:, :, None] - seen[:, None, :]), axis=0)  # [R, L, 2 L, H]
        may = ops.logical_and(blocks.same_user(), distance >= 0)[:, None]  # [R, 1, L, 2 L]
        return ops.where(may, ops.transpose(by_distance[None] + by_time, (0, 3, 1, 2)), FORBIDDEN)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "longest": self.longest, "heads": self.heads}


@keras.saving.register_keras_serializable(package="userprofile")
class TransformerBlock(keras.layers.Layer):
    """Causal softmax attention and a hidden layer of four widths, each after a normalisation and added to its input.

    Vaswani et al. 2017 (arXiv:1706.03762) with the normalisation first (Xiong et al. 2020, arXiv:2002.04745).
    """

    def __init__(self, width: int, heads: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.dropout = width, heads, dropout
        self.before_attention, self.before_hidden = (keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(2))
        self.queries_keys_values = keras.layers.Dense(3 * width, use_bias=False)
        self.attended = keras.layers.Dense(width)
        self.hidden = keras.layers.Dense(4 * width, activation="gelu")
        self.project = keras.layers.Dense(width)
        self.drop = keras.layers.Dropout(dropout)

    def build(self, *shapes: Any, **named_shapes: Any) -> None:
        for layer in (self.before_attention, self.before_hidden, self.queries_keys_values, self.attended, self.hidden):
            layer.build((None, self.width))
        self.project.build((None, 4 * self.width))

    def call(
        self, events: KerasTensor, bias: KerasTensor, *, blocks: Blocks, training: bool | None = None
    ) -> KerasTensor:
        """events [N, W]; bias [R, H, L, 2 L], FORBIDDEN where an event may not look."""
        values, weights = self.attention(events, bias, blocks=blocks)
        events = events + self.drop(self.attended(looked_up(weights, values, blocks)), training=training)
        hidden = self.drop(self.hidden(self.before_hidden(events)), training=training)  # [N, 4 W]
        return events + self.drop(self.project(hidden), training=training)

    def attention(self, events: KerasTensor, bias: KerasTensor, *, blocks: Blocks) -> tuple[KerasTensor, ...]:
        """What is looked up, [N, W], and weights [R, H, L, 2 L], those of an event 1 together."""
        queries, keys, values = ops.split(self.queries_keys_values(self.before_attention(events)), 3, axis=-1)
        scores = products(queries, keys, self.heads, blocks) / (self.width / self.heads) ** 0.5 + bias
        return values, ops.softmax(scores)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="userprofile")
class HstuBlock(keras.layers.Layer):
    """Pointwise attention with a gate, instead of a softmax and a hidden layer (Zhai et al. 2024, arXiv:2402.17152).

    U, V, Q, K = SiLU(linear(norm(x))); x + linear(norm(SiLU(Q K' + bias) V / longest) * U). A weight does not shrink
    where there are more events, so how much a user did stays visible.
    """

    def __init__(self, width: int, heads: int, dropout: float, longest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads, self.dropout, self.longest = width, heads, dropout, longest
        self.before, self.after = (keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(2))
        self.split = keras.layers.Dense(4 * width, activation="silu", use_bias=False)
        self.project = keras.layers.Dense(width)
        self.drop = keras.layers.Dropout(dropout)

    def build(self, *shapes: Any, **named_shapes: Any) -> None:
        for layer in (self.before, self.after, self.split, self.project):
            layer.build((None, self.width))

    def call(
        self, events: KerasTensor, bias: KerasTensor, *, blocks: Blocks, training: bool | None = None
    ) -> KerasTensor:
        """As TransformerBlock."""
        values, weights, gate = self.attention(events, bias, blocks=blocks)
        attended = looked_up(weights, values, blocks)  # [N, W]
        return events + self.project(self.drop(self.after(attended) * gate, training=training))

    def attention(self, events: KerasTensor, bias: KerasTensor, *, blocks: Blocks) -> tuple[KerasTensor, ...]:
        """As TransformerBlock, but that weights add up to nothing in particular; and the gate, [N, W]."""
        gate, values, queries, keys = ops.split(self.split(self.before(events)), 4, axis=-1)  # each [N, W]
        return values, ops.silu(products(queries, keys, self.heads, blocks) + bias) / self.longest, gate

    def get_config(self) -> dict[str, Any]:
        sizes = {"width": self.width, "heads": self.heads, "dropout": self.dropout, "longest": self.longest}
        return {**super().get_config(), **sizes}


def products(queries: KerasTensor, keys: KerasTensor, heads: int, blocks: Blocks) -> KerasTensor:  # [N, W] both
    """[R, H, L, 2 L]."""
    return ops.matmul(of_heads(blocks.cut(queries), heads), ops.swapaxes(of_heads(blocks.seen(keys), heads), 2, 3))


def looked_up(weights: KerasTensor, values: KerasTensor, blocks: Blocks) -> KerasTensor:  # [R, H, L, 2 L], [N, W]
    """[N, W]: of each event the weighted sum of the values that it sees."""
    attended = ops.matmul(weights, of_heads(blocks.seen(values), weights.shape[1]))  # [R, H, L, W / H]
    together = ops.transpose(attended, (0, 2, 1, 3))  # [R, L, H, W / H]
    return blocks.joined(ops.reshape(together, (-1, blocks.length, values.shape[1])))


def of_heads(events: KerasTensor, heads: int) -> KerasTensor:
    """[R, T, W] -> [R, H, T, W / H]."""
    apart = ops.reshape(events, (-1, events.shape[1], heads, events.shape[2] // heads))
    return ops.transpose(apart, (0, 2, 1, 3))
