"""A table of embeddings of which each rank of a training holds a part, and which all ranks look up together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

# Rows of a tensor to ranks, so many to each in their order; back come those of all ranks for this one, and how many.
Exchange = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class ShardedEmbedding(keras.layers.Layer):
    """As keras.layers.Embedding(rows, width), with the rows r, r + size, ... on rank r.

    Each different index of a batch goes to the rank that holds its row, and the row comes back; its gradient goes the
    same way, so that this rank's gradient is the sum over all ranks. All ranks must look up equally often. Parts are
    equally long: the last rows of some may belong to no index. Only trained, never saved: see training/sharding.py.
    """

    def __init__(self, rows: int, width: int, *, size: int, exchange: Exchange, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.width, self.size = rows, width, size
        self._exchange = exchange

    def build(self, *shapes: Any) -> None:
        shape = (-(-self.rows // self.size), self.width)
        self.embeddings = self.add_weight(shape=shape, initializer="zeros", name="embeddings")

    def call(self, index: tf.Tensor) -> tf.Tensor:  # int [B, T]
        wanted, place = tf.unique(tf.reshape(index, [-1]))
        holder = wanted % self.size
        order = tf.argsort(holder, stable=True)
        counts = tf.math.bincount(holder, minlength=self.size, maxlength=self.size)
        asked, of_ranks = self._exchange(tf.gather(wanted, order), counts)
        rows, _ = self._exchange(tf.gather(tf.convert_to_tensor(self.embeddings), asked // self.size), of_ranks)
        vectors = tf.gather(rows, tf.gather(tf.argsort(order), place))  # [B T, W]
        return ops.reshape(vectors, (*ops.shape(index), self.width))
