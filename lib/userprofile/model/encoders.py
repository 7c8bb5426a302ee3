"""A user's events as states or one vector, a user's numbers as one. Events come oldest first, padding at the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.model.attention import HstuBlock, RelativeBias, TransformerBlock, looked_up
from userprofile.model.embeddings import HALF_LIVES_DAYS
from userprofile.model.heads import UserState
from userprofile.model.positions import Blocks, Packing
from userprofile.model.whole_history import AttentiveSummary, BidirectionalEncoder
from userprofile.spec import FIRST_KNOWN_INDEX, vocabulary_index

BIDIRECTIONAL = "bidirectional"


@keras.saving.register_keras_serializable(package="userprofile")
class RecurrentEncoder(keras.layers.Layer):
    """The states of a GRU (Cho et al. 2014, arXiv:1406.1078) or LSTM (Hochreiter & Schmidhuber 1997).

    keras.layers.GRU in its loop form: on one core, 256 users of 50 events at width 64 took 41 ms a training step,
    unrolled 40 ms after five times the compilation, one compiled by XLA 51 ms.
    """

    def __init__(self, kind: str, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.width = kind, width
        cell: Any = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[kind]
        self.recurrent = cell(width, return_sequences=True)

    def build(self, events_shape: Any, *shapes: Any, **named_shapes: Any) -> None:
        self.recurrent.build(events_shape)

    def call(self, events: KerasTensor, present: KerasTensor, age_days: KerasTensor) -> KerasTensor:
        # cuDNN refuses a row that is padding throughout: such a row reads its first, all-zero event instead.
        first = ops.arange(ops.shape(events)[1]) == 0
        states = self.recurrent(events, mask=ops.logical_or(present, first))  # [B, T, W]
        return ops.where(present[..., None], states, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind, "width": self.width}


@keras.saving.register_keras_serializable(package="userprofile")
class AttentionEncoder(keras.layers.Layer):
    """The states of blocks of causal attention over events, one block after the other, normalised at the end.

    Neither their places nor their times are put into events: RelativeBias tells attention how far apart two are.
    """

    def __init__(
        self, kind: str, longest: int, width: int, layers: int, heads: int, dropout: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.kind, self.longest, self.width = kind, longest, width
        self.layers, self.heads, self.dropout = layers, heads, dropout
        block: Any = {
            "transformer": partial(TransformerBlock, width, heads, dropout),
            "hstu": partial(HstuBlock, width, heads, dropout, longest),
        }[kind]
        self.enter = keras.layers.Dense(width, use_bias=False)
        self.drop = keras.layers.Dropout(dropout)
        self.bias = RelativeBias(longest, heads)
        self.blocks = [block() for _ in range(layers)]
        self.leave = keras.layers.LayerNormalization(epsilon=1e-6)

    def build(self, events_shape: Any, present_shape: Any, age_days_shape: Any) -> None:
        self.enter.build(events_shape)
        self.bias.build()
        for block in self.blocks:
            block.build()
        self.leave.build((None, self.width))

    def call(
        self, events: KerasTensor, present: KerasTensor, age_days: KerasTensor, training: bool | None = None
    ) -> KerasTensor:
        packing = Packing(present)
        blocks = Blocks(packing, self.longest)
        bias = self.bias(packing.pack(age_days), blocks=blocks)  # [R, H, L, 2 L]
        packed = self.drop(self.enter(packing.pack(events)), training=training)  # [N, W]
        for block in self.blocks:
            packed = block(packed, bias, blocks=blocks, training=training)
        return packing.unpack(self.leave(packed))  # [B, T, W]

    def paid(self, events: KerasTensor, present: KerasTensor, age_days: KerasTensor) -> KerasTensor:
        """[B, layers, H, T, T]: what each event pays to each other and itself; 0 where it may not look, or is none."""
        packing, length = Packing(present), events.shape[1]
        blocks = Blocks(packing, self.longest)
        bias = self.bias(packing.pack(age_days), blocks=blocks)
        packed, found = self.enter(packing.pack(events)), []
        # An event's value is its own place, so what is looked up is the weight of each place; once for each head.
        places = ops.tile(ops.one_hot(packing.places % length, length), (1, self.heads))  # [N, H T]
        for block in self.blocks:
            weights = block.attention(packed, bias, blocks=blocks)[1]
            paid = packing.unpack(looked_up(weights, places, blocks))  # [B, T, H T]
            found.append(ops.transpose(ops.reshape(paid, (-1, length, self.heads, length)), (0, 2, 1, 3)))
            packed = block(packed, bias, blocks=blocks)
        return ops.stack(found, axis=1)

    def compute_output_shape(self, events_shape: Any, *shapes: Any, **named_shapes: Any) -> Any:
        return (*events_shape[:2], self.width)

    def get_config(self) -> dict[str, Any]:
        sizes = {"width": self.width, "layers": self.layers, "heads": self.heads, "dropout": self.dropout}
        return {**super().get_config(), "kind": self.kind, "longest": self.longest, **sizes}


def sequence_encoder(
    kind: str, *, longest: int, width: int, layers: int, heads: int, dropout: float, name: str
) -> keras.layers.Layer:
    """The encoder called `kind`: gru, lstm, transformer, hstu or bidirectional; layers, heads and dropout are the
    latter three's, longest (T at most) that of the two before.

    All take events [B, T, F], present bool [B, T] and age_days [B, T], days from an event to any one later instant, and
    give states [B, T, width], 0 where padded: that of an event rests on it and the events before it alone, but of the
    bidirectional one.
    """
    if kind == BIDIRECTIONAL:
        return BidirectionalEncoder(width, layers, heads, dropout, name=name)
    if kind in ("gru", "lstm"):
        return RecurrentEncoder(kind, width, name=name)
    return AttentionEncoder(kind, longest, width, layers, heads, dropout, name=name)


@keras.saving.register_keras_serializable(package="userprofile")
class MaskedMean(keras.layers.Layer):
    """The mean of a user's event vectors; zeros for a user without events. What a GRU forgets stays in it."""

    def call(self, events: KerasTensor, present: KerasTensor) -> KerasTensor:  # [B, T, F], [B, T] bool
        kept = ops.cast(present, events.dtype)[..., None]  # [B, T, 1]
        return ops.sum(events * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1.0)  # [B, F]


def history_summary(kind: str, *, width: int, heads: int, name: str) -> keras.layers.Layer:
    """The summary called `kind`, mean or attention; both take events [B, T, F] and present bool [B, T]."""
    return AttentiveSummary(width, heads, name=name) if kind == "attention" else MaskedMean(name=name)


@keras.saving.register_keras_serializable(package="userprofile")
class IndexCounts(keras.layers.Layer):
    """How many of a user's events have each of the `counted` indices, above 0 and below `size`: plain, and faded.

    Faded counts are sums of 2 ** (-age / h) for each of HALF_LIVES_DAYS.
    """

    def __init__(self, counted: Sequence[int], size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counted, self.size = list(counted), size

    def call(self, index: KerasTensor, age_days: KerasTensor) -> KerasTensor:  # [B, K], 0 is padding; [B, K]
        weights = [ops.ones_like(age_days), *(2.0 ** (-age_days / half_life) for half_life in HALF_LIVES_DAYS)]
        counts = [
            ops.reshape(ops.bincount(index, weights=one, minlength=self.size), (-1, self.size)) for one in weights
        ]  # [B, size] each
        places = ops.array(self.counted, "int32")
        return ops.stack([ops.take(one, places, axis=1) for one in counts], axis=-1)  # [B, C, 1 + half-lives]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "counted": self.counted, "size": self.size}


def counts_of_classes(
    user: UserState, what: str, classes: Sequence[int], *, vocabulary: Sequence[int], name: str, buckets: int = 0
) -> KerasTensor:
    """[B, C, H] IndexCounts of each class, a code, in the input habit_<what> of vocabulary indices.

    A class that is not in the vocabulary shares its index, and its counts, with others.
    """
    counted = vocabulary_index(np.array(classes, np.int64), vocabulary, buckets)
    layer = IndexCounts(counted.tolist(), FIRST_KNOWN_INDEX + len(vocabulary) + buckets, name=name)
    return layer(user.inputs[f"habit_{what}"], user.inputs["habit_age_days"])


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
