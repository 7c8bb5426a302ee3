"""Between events in rows of one length and events one after the other, so that no layer computes padding."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

# Doubling from a minute to beyond a year; one more for events of the same minute.
GAP_BUCKETS = 22
MINUTES_A_DAY = 1440.0


class Packing:
    """Events [B, T, F] <-> the N that are present, [N, F], in the order of rows and of time."""

    def __init__(self, present: KerasTensor) -> None:  # [B, T] bool
        self.rows, self.length = ops.shape(present)[0], ops.shape(present)[1]
        self.places = ops.nonzero(ops.reshape(present, (-1,)))[0]  # [N]

    def pack(self, events: KerasTensor) -> KerasTensor:  # [B, T, F] or [B, T]
        """[N, F], or [N]."""
        inner = tuple(events.shape[2:])
        return ops.take(ops.reshape(events, (self.rows * self.length, *inner)), self.places, axis=0)

    def unpack(self, packed: KerasTensor) -> KerasTensor:  # [N, F]
        """[B, T, F], 0 where padded."""
        inner = packed.shape[1:]
        places = ops.expand_dims(ops.cast(self.places, "int32"), 1)
        flat = ops.scatter(places, packed, (self.rows * self.length, *inner))
        return ops.reshape(flat, (self.rows, self.length, *inner))


class Blocks:
    """Events one after the other, [N, F], in blocks of `length`, [R, length, F]; the last is filled up with zeros."""

    def __init__(self, packing: Packing, length: int) -> None:
        self.length, self._events = length, ops.shape(packing.places)[0]
        self._users = ops.cast(packing.places // packing.length, "int32") + 1  # [N]; 0 fills up

    def cut(self, events: KerasTensor) -> KerasTensor:  # [N, F]
        """[R, length, F]."""
        filled = ops.pad(events, [(0, -self._events % self.length), (0, 0)])
        return ops.reshape(filled, (-1, self.length, events.shape[1]))

    def seen(self, events: KerasTensor) -> KerasTensor:  # [N, F]
        """[R, 2 x length, F]: of the block before, zeros before the first, and of the block itself."""
        here = self.cut(events)
        before = ops.pad(here, [(1, 0), (0, 0), (0, 0)])[:-1]
        return ops.concatenate([before, here], axis=1)

    def same_user(self) -> KerasTensor:
        """bool [R, length, 2 x length]."""
        users = self._users[:, None]
        here, seen = self.cut(users)[..., 0], self.seen(users)[..., 0]
        return here[:, :, None] == seen[:, None, :]

    def joined(self, blocks: KerasTensor) -> KerasTensor:  # [R, length, F]
        """[N, F]."""
        return ops.reshape(blocks, (-1, blocks.shape[2]))[: self._events]


def gap_bucket(days: KerasTensor) -> KerasTensor:
    """int32 in [0, GAP_BUCKETS): the whole part of log2(1 + minutes); 0 for less than a minute, 10 for a day."""
    minutes = ops.abs(days) * MINUTES_A_DAY
    return ops.cast(ops.clip(ops.log2(1.0 + minutes), 0.0, GAP_BUCKETS - 1.0), "int32")


@keras.saving.register_keras_serializable(package="userprofile")
class LastState(keras.layers.Layer):
    """The state after a row's last event; zeros for a row without events."""

    def call(self, states: KerasTensor, present: KerasTensor) -> KerasTensor:  # [B, T, W], [B, T] bool
        last = ops.maximum(ops.sum(ops.cast(present, "int32"), axis=1) - 1, 0)  # [B]
        state = ops.squeeze(ops.take_along_axis(states, last[:, None, None], axis=1), axis=1)  # [B, W]
        return ops.where(ops.any(present, axis=1, keepdims=True), state, 0.0)
