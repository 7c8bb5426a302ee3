"""The softmax in slices: loss and gradient of the whole one, and of a loop over events."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from userprofile.model import softmax
from userprofile.model.softmax import softmax_loss

EVENTS, ITEMS, WIDTH = 23, 7, 5


def drawn(events: int = EVENTS) -> list[tf.Tensor]:
    """States, vectors, bias, target."""
    chance = np.random.default_rng(3)
    numbers = [chance.normal(size=shape).astype(np.float32) for shape in ((events, WIDTH), (ITEMS, WIDTH), ITEMS)]
    return [tf.constant(one) for one in (*numbers, chance.integers(0, ITEMS, events).astype(np.int32))]


def loss_and_gradients(loss: object, given: list[tf.Tensor], factor: float = 1.0) -> list[np.ndarray]:
    @tf.function
    def compute(*given: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(given[:3])
            found = factor * loss(*given)  # type: ignore[operator]
        return [found, *tape.gradient(found, given[:3])]

    return [one.numpy() for one in compute(*given)]


def whole(states: tf.Tensor, vectors: tf.Tensor, bias: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    scores = tf.matmul(states, vectors, transpose_b=True) + bias
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(target, scores))


# 7 items: one event a slice, slices that do not come out even, ones that do, and a single slice.
@pytest.mark.parametrize("scores", [1, 7 * 4, 7 * 23, 2**22])
def test_slices_have_the_loss_and_the_gradient_of_the_whole(monkeypatch: pytest.MonkeyPatch, scores: int) -> None:
    monkeypatch.setattr(softmax, "SCORES_AT_A_TIME", scores)
    found, expected = (loss_and_gradients(loss, drawn(), factor=0.3) for loss in (softmax_loss, whole))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_a_loop_over_events() -> None:
    states, vectors, bias, target = given = drawn()
    expected = 0.0
    for event in range(EVENTS):
        scores = [float(np.dot(states[event], vectors[item]) + bias[item]) for item in range(ITEMS)]
        expected += np.log(sum(np.exp(scores))) - scores[int(target[event])]
    assert float(softmax_loss(*given)) == pytest.approx(expected, rel=1e-5)


def test_equal_scores_lose_the_logarithm_of_the_number_of_items() -> None:
    states, _, _, target = drawn()
    loss = softmax_loss(states, tf.zeros((ITEMS, WIDTH)), tf.zeros(ITEMS), target)
    assert float(loss) == pytest.approx(EVENTS * np.log(ITEMS), rel=1e-6)


def test_no_event_loses_nothing_and_changes_nothing() -> None:
    for found in loss_and_gradients(softmax_loss, drawn(events=0)):
        assert not found.any()


def test_scores_as_great_as_they_come_lose_what_they_should() -> None:
    states, vectors, bias, target = drawn()
    loss, *gradients = loss_and_gradients(softmax_loss, [1_000 * states, vectors, bias, target])
    assert loss == pytest.approx(float(whole(1_000 * states, vectors, bias, target)), rel=1e-5)
    assert all(np.isfinite(one).all() for one in gradients)
