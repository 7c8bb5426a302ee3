"""The softmax over all items, a slice of events at a time: training never has the scores of all events in memory."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

# Of a slice, 16 MB: what is done to them finds them in a processor's cache.
SCORES_AT_A_TIME = 2**22


@tf.custom_gradient
def softmax_loss(states: tf.Tensor, vectors: tf.Tensor, bias: tf.Tensor, target: tf.Tensor) -> Any:
    """The sum over N events of the cross-entropy of a softmax over K items; N ln K for equal scores, 0 for no event.

    states [N, W], vectors [K, W], bias [K], target int32 [N] in [0, K). Item k scores state . vector k + bias k. A
    slice's part of the gradient is computed while its scores are there, as Wijmans et al. 2024 (arXiv:2411.09009) do.
    """
    events, width, items = tf.shape(states)[0], states.shape[1], tf.shape(vectors)[0]
    rows = tf.maximum(SCORES_AT_A_TIME // items, 1)
    slices = tf.maximum(-(-events // rows), 1)
    # The bias is the vectors' last column, of which each state has 1.
    with_one = tf.concat([states, tf.ones((events, 1))], axis=1)  # [N, W + 1]

    def one_more(index: Any, logs: Any, of_states: Any, of_vectors: Any) -> tuple[Any, ...]:
        start, end = index * rows, (index + 1) * rows
        scores = tf.matmul(states[start:end], vectors, transpose_b=True) + bias  # [rows, K]
        highest = tf.reduce_max(scores, axis=1, keepdims=True)
        powers = tf.exp(scores - highest)
        total = tf.reduce_sum(powers, axis=1, keepdims=True)
        return (
            index + 1,
            logs.write(index, (highest + tf.math.log(total))[:, 0]),
            of_states.write(index, tf.matmul(powers, vectors) / total),
            of_vectors + tf.matmul(powers, with_one[start:end] / total, transpose_a=True),
        )

    nothing_yet = (0, _parts(slices, (None,)), _parts(slices, (None, width)), tf.zeros((items, width + 1)))
    # One slice after the other: each takes all threads.
    _, logs, of_states, of_vectors = tf.while_loop(
        lambda index, *_: index < slices, one_more, nothing_yet, parallel_iterations=1
    )
    its_vector = tf.gather(vectors, target)  # [N, W]
    loss = tf.reduce_sum(logs.concat() - tf.reduce_sum(states * its_vector, axis=1) - tf.gather(bias, target))
    of_states = of_states.concat() - its_vector
    of_vectors -= tf.math.unsorted_segment_sum(with_one, target, items)

    def gradients(of_loss: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        return of_loss * of_states, of_loss * of_vectors[:, :width], of_loss * of_vectors[:, width], None

    return loss, gradients


def _parts(slices: tf.Tensor, shape: tuple[int | None, ...]) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, size=slices, element_shape=shape, infer_shape=False)
