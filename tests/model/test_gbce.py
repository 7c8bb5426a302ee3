"""Generalised binary cross-entropy: by a loop, by its extremes, and sure of nothing that it should not be."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from userprofile.model.gbce import beta_of, evenly_drawn_items, gbce_loss

EVENTS, ITEMS, WIDTH = 9, 12, 4


def given(scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """States, vectors, bias, target."""
    chance = np.random.default_rng(5)
    shapes = ((EVENTS, WIDTH), (ITEMS, WIDTH), (ITEMS,))
    states, vectors, bias = (scale * chance.normal(size=shape).astype(np.float32) for shape in shapes)
    return states, vectors, bias, chance.integers(0, ITEMS, EVENTS).astype(np.int32)


def drawn(count: int, seed: int = 1) -> np.ndarray:
    return np.asarray(evenly_drawn_items(count, items=ITEMS, seed=keras.random.SeedGenerator(seed)))


@pytest.mark.parametrize("t", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("count", [4, 30])
def test_the_loss_is_that_of_a_loop_over_events_and_drawn_items(t: float, count: int) -> None:
    states, vectors, bias, target = given()
    items, expected = drawn(count), 0.0
    share = min(count / (ITEMS - 1), 1)
    beta = share * (t * (1 - 1 / share) + 1 / share)
    for state, wanted in zip(states, target, strict=True):
        chance = [float(expit(np.dot(state, vectors[item]) + bias[item])) for item in range(ITEMS)]
        total = np.log(chance[wanted] ** beta)
        for item in items:
            if item != wanted:
                total += np.log(1 - chance[item])
        expected -= total / (count + 1)
    assert float(gbce_loss(*given(), items, beta=beta_of(t, drawn=count, items=ITEMS))) == pytest.approx(
        expected, rel=1e-4
    )


def test_items_are_drawn_evenly() -> None:
    counts = np.bincount(drawn(120_000), minlength=ITEMS)
    assert len(counts) == ITEMS
    np.testing.assert_allclose(counts / 120_000, 1 / ITEMS, atol=0.0035)  # four standard errors


def test_scores_of_nothing_lose_what_the_docstring_says() -> None:
    states, vectors, bias, _ = given(scale=0.0)
    target, items = np.zeros(EVENTS, np.int32), np.arange(1, 6, dtype=np.int32)
    beta = beta_of(0.75, drawn=5, items=ITEMS)
    expected = EVENTS * np.log(2) * (beta + 5) / 6
    assert float(gbce_loss(states, vectors, bias, target, items, beta=beta)) == pytest.approx(expected, rel=1e-5)


def test_only_with_its_exponent_a_score_is_as_sure_as_its_item_is_frequent() -> None:
    """Of ITEMS items that come equally often, each should have the probability 1 / ITEMS."""
    learnt = {}
    for t in (0.0, 1.0):
        bias, optimiser = tf.Variable(tf.zeros(ITEMS)), keras.optimizers.SGD(0.2)
        optimiser.build([bias])
        beta = beta_of(t, drawn=3, items=ITEMS)
        nothing, target = tf.zeros((ITEMS, 1)), tf.range(ITEMS)
        for step in range(600):
            with tf.GradientTape() as tape:
                loss = gbce_loss(nothing, nothing, tf.convert_to_tensor(bias), target, drawn(3, seed=step), beta=beta)
            optimiser.apply([tape.gradient(loss, bias)], [bias])
        learnt[t] = float(tf.reduce_mean(tf.sigmoid(bias)))
    assert learnt[1.0] == pytest.approx(1 / ITEMS, abs=0.02)
    assert learnt[0.0] > 0.2
