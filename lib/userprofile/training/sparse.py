"""Gradients of embeddings, zero but for the rows that a batch has looked up, as whatever is less to send."""

from __future__ import annotations

from typing import TypeAlias

import tensorflow as tf

from userprofile.training.collective import Collective

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


def lighter(gradient: Gradient, *, ranks: int) -> Gradient:
    """Rows as they are where gathering them sends fewer numbers than a dense sum, else dense.

    A rank sends 2 (n - 1) / n of a dense gradient in a ring of n (Patarasuk & Yuan 2009), and n - 1 times its rows,
    each with its number. By shapes alone, so that all ranks choose alike: what is looked up twice counts twice, and a
    gradient of unknown shape becomes dense.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    looked_up, width = gradient.values.shape
    is_lighter = looked_up is not None and ranks * looked_up * (width + 1) < 2 * gradient.shape[0] * width
    return gradient if ranks > 1 and is_lighter else tf.convert_to_tensor(gradient)


def gathered(gradient: tf.IndexedSlices, collective: Collective) -> tf.Tensor:
    """The dense sum over ranks, of rows that each of them sends once; the same to the bit on all ranks."""
    mine, place = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(mine))
    counts = collective.gather_rows(tf.size(mine)[None])
    of_ranks = (tf.split(collective.gather_rows(one), counts, num=collective.size) for one in (mine, values))
    total = tf.zeros(gradient.dense_shape, values.dtype)
    # One rank's after the other's: no row comes twice in it, so that a GPU's order of additions does not matter.
    for rows, added in zip(*of_ranks, strict=True):
        total = tf.tensor_scatter_nd_add(total, rows[:, None], added)
    return total
