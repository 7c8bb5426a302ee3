"""Gradients of embeddings: rows where these are less to send, and the dense sum either way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from userprofile.training.launch import launch
from userprofile.training.sparse import gathered, lighter


def slices(rows: int, looked_up: list[int], width: int = 4) -> tf.IndexedSlices:
    values = tf.reshape(tf.range(len(looked_up) * width, dtype=tf.float32), (-1, width))
    return tf.IndexedSlices(values, tf.constant(looked_up), tf.constant([rows, width]))


@pytest.mark.parametrize(
    ("rows", "ranks", "is_sparse"),
    [(10, 2, True), (7, 2, False), (10, 3, False), (1_000, 64, True), (1_000, 400, False), (1_000, 1, False)],
)
def test_rows_are_sent_where_they_are_fewer_numbers_than_a_dense_sum(rows, ranks, is_sparse):
    gradient = slices(rows, [1, 3, 3, 0, 5, 6, 2])  # 7 x (4 + 1) numbers to each other rank
    chosen = lighter(gradient, ranks=ranks)
    assert isinstance(chosen, tf.IndexedSlices) is is_sparse
    np.testing.assert_array_equal(tf.convert_to_tensor(chosen), tf.convert_to_tensor(gradient))


def test_a_dense_gradient_stays_and_one_of_unknown_length_becomes_dense():
    assert lighter(dense := tf.ones((2, 2)), ranks=2) is dense

    @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.int32)])
    def of_unknown(values, indices):
        return lighter(tf.IndexedSlices(values, indices, tf.constant([1_000, 4])), ranks=2)

    assert of_unknown(tf.ones((1, 4)), tf.constant([5])).shape == (1_000, 4)


class Twice:
    """A world of two ranks that do the same."""

    size = 2

    def gather_rows(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.concat([rows, rows], axis=0)


def test_rows_gathered_are_the_dense_sum():
    gradient = slices(9, [1, 3, 3, 0, 8])
    np.testing.assert_array_equal(gathered(gradient, Twice()), 2 * tf.convert_to_tensor(gradient))


@pytest.mark.slow
def test_two_ranks_that_gather_rows_learn_what_one_learns(request_for, workplace, weights_of, spec):
    many = request_for(spec=replace(spec, item_buckets=5_000))  # far more rows than 30 users look up
    one, two = (launch(many, processes=n, spark=None, workplace=workplace, report=print) for n in (1, 2))
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
