"""Attention without an order of time: a history read in both directions, and what a query finds in it.

Pairs of all events of a user are in memory, [B, H, T, T] numbers; T is train_model.sequence_length.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, ops


@keras.saving.register_keras_serializable(package="userprofile")
class BidirectionalEncoder(keras.layers.Layer):
    """States that each rest on all events of the user, before and after: for whole histories, not for what comes next.

    Transformer blocks with the normalisation first, as attention.TransformerBlock, whose attention is Keras's. Where an
    event stands is told by its age, which is part of it.
    """

    def __init__(self, width: int, layers: int, heads: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.layers, self.heads, self.dropout = width, layers, heads, dropout
        self.enter = keras.layers.Dense(width, use_bias=False)
        self.attention = [
            keras.layers.MultiHeadAttention(heads, width // heads, dropout=dropout) for _ in range(layers)
        ]
        self.before = [keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(2 * layers)]
        self.hidden = [keras.layers.Dense(4 * width, activation="gelu") for _ in range(layers)]
        self.project = [keras.layers.Dense(width) for _ in range(layers)]
        self.drop = keras.layers.Dropout(dropout)
        self.leave = keras.layers.LayerNormalization(epsilon=1e-6)

    def build(self, events_shape: Any, *shapes: Any, **named_shapes: Any) -> None:
        states = (*events_shape[:2], self.width)
        self.enter.build(events_shape)
        for layer in (*self.before, *self.hidden, self.leave):
            layer.build(states)
        for attention, project in zip(self.attention, self.project, strict=True):
            attention.build(states, states)
            project.build((*events_shape[:2], 4 * self.width))

    def call(
        self, events: KerasTensor, present: KerasTensor, age_days: KerasTensor, training: bool | None = None
    ) -> KerasTensor:
        states = self.enter(events)  # [B, T, W]
        for number, attention in enumerate(self.attention):
            seen = self.before[2 * number](states)
            found = attention(seen, seen, attention_mask=present[:, None, :], training=training)
            states = self._with_hidden(number, states + self.drop(found, training=training), training)
        return ops.where(present[..., None], self.leave(states), 0.0)

    def _with_hidden(self, number: int, states: KerasTensor, training: bool | None = None) -> KerasTensor:
        hidden = self.hidden[number](self.before[2 * number + 1](states))
        return states + self.drop(self.project[number](hidden), training=training)

    def paid(self, events: KerasTensor, present: KerasTensor, age_days: KerasTensor) -> KerasTensor:
        """[B, layers, H, T, T]: what each event pays to each one, softmax weights; 0 for and to padding."""
        states, found = self.enter(events), []
        for number, attention in enumerate(self.attention):
            seen = self.before[2 * number](states)
            mask = present[:, None, :]
            attended, weights = attention(seen, seen, attention_mask=mask, return_attention_scores=True)
            found.append(ops.where(present[:, None, :, None], weights, 0.0))
            states = self._with_hidden(number, states + attended)
        return ops.stack(found, axis=1)

    def get_config(self) -> dict[str, Any]:
        sizes = {"width": self.width, "layers": self.layers, "heads": self.heads, "dropout": self.dropout}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="userprofile")
class CrossAttention(keras.layers.Layer):
    """What each of Q queries finds among a user's events (Vaswani et al. 2017, arXiv:1706.03762), 0 without events."""

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.attention = keras.layers.MultiHeadAttention(heads, width // heads, output_shape=width)

    def build(self, queries_shape: Any, events_shape: Any, *shapes: Any) -> None:
        self.attention.build(queries_shape, events_shape)

    def call(self, queries: KerasTensor, events: KerasTensor, present: KerasTensor) -> KerasTensor:
        """queries [B, Q, D]; events [B, T, F]; present bool [B, T]; to [B, Q, W]."""
        found = self.attention(queries, events, attention_mask=present[:, None, :])
        return ops.where(ops.any(present, axis=1)[:, None, None], found, 0.0)

    def compute_output_shape(self, queries_shape: Any, *shapes: Any) -> Any:
        return (*queries_shape[:2], self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads}


@keras.saving.register_keras_serializable(package="userprofile")
class AttentiveSummary(keras.layers.Layer):
    """[B, W]: what a query that is learnt, one for all users, finds in a history."""

    def __init__(self, width: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.attention = CrossAttention(width, heads)

    def build(self, events_shape: Any, *shapes: Any) -> None:
        self.query = self.add_weight(shape=(1, 1, self.width), initializer="glorot_uniform", name="query")
        self.attention.build((events_shape[0], 1, self.width), events_shape)

    def call(self, events: KerasTensor, present: KerasTensor) -> KerasTensor:  # [B, T, F], [B, T] bool
        queries = ops.tile(self.query, (ops.shape(events)[0], 1, 1))
        return self.attention(queries, events, present)[:, 0]

    def paid(self, events: KerasTensor, present: KerasTensor) -> KerasTensor:
        """[B, H, T]: what the query pays to each event, softmax weights; 0 to padding."""
        queries = ops.tile(self.query, (ops.shape(events)[0], 1, 1))
        mask = present[:, None, :]
        _, weights = self.attention.attention(queries, events, attention_mask=mask, return_attention_scores=True)
        return ops.where(mask, weights[:, :, 0], 0.0)

    def compute_output_shape(self, events_shape: Any, *shapes: Any) -> Any:
        return (events_shape[0], self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "heads": self.heads}
