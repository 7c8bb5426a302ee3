"""The softmax over sampled items: by a loop, drawn as said, and on average that over all items."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from userprofile.model.sampled_softmax import drawn_items, sampled_softmax_loss, share_drawn
from userprofile.model.softmax import softmax_loss

EVENTS, ITEMS, WIDTH = 9, 12, 4


def given(scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """States, vectors, bias, target."""
    chance = np.random.default_rng(5)
    shapes = ((EVENTS, WIDTH), (ITEMS, WIDTH), (ITEMS,))
    states, vectors, bias = (scale * chance.normal(size=shape).astype(np.float32) for shape in shapes)
    return states, vectors, bias, chance.integers(0, ITEMS, EVENTS).astype(np.int32)


def drawn(count: int, seed: int = 1) -> np.ndarray:
    return np.asarray(drawn_items(count, items=ITEMS, seed=keras.random.SeedGenerator(seed)))


def test_the_loss_is_that_of_a_loop_over_events_and_drawn_items() -> None:
    states, vectors, bias, target = given()
    items, expected = drawn(30), 0.0
    assert set(items) & set(target)  # some are drawn that are targets
    for state, wanted in zip(states, target, strict=True):
        score = [float(np.dot(state, vectors[item]) + bias[item]) for item in range(ITEMS)]
        total = np.exp(score[wanted])
        for item in items:
            if item != wanted:
                share = np.log((item + 2) / (item + 1)) / np.log(ITEMS + 1)
                total += np.exp(score[item]) / (len(items) * share)
        expected += np.log(total) - score[wanted]
    assert float(sampled_softmax_loss(*given(), items)) == pytest.approx(expected, rel=1e-4)


def test_items_are_drawn_by_zipfs_law() -> None:
    share = np.asarray(share_drawn(np.arange(ITEMS), items=ITEMS))
    assert share.sum() == pytest.approx(1, rel=1e-5)
    counts = np.bincount(drawn(100_000), minlength=ITEMS)
    np.testing.assert_allclose(counts / 100_000, share, atol=0.006)  # four standard errors
    assert set(drawn(200)) <= set(range(ITEMS))


def test_many_drawn_items_lose_what_all_items_do() -> None:
    full = float(softmax_loss(*given()))
    assert float(sampled_softmax_loss(*given(), drawn(200_000))) == pytest.approx(full, rel=0.01)


def test_equal_scores_lose_about_the_logarithm_of_the_number_of_items() -> None:
    found = float(sampled_softmax_loss(*given(scale=0.0), drawn(100_000))) / EVENTS
    assert found == pytest.approx(np.log(ITEMS), rel=0.01)


def test_without_any_other_item_nothing_is_lost() -> None:
    states, vectors, bias, _ = given()
    target = np.full(EVENTS, 3, np.int32)
    loss = sampled_softmax_loss(states, vectors, bias, target, np.full(5, 3, np.int32))
    assert float(loss) == pytest.approx(0, abs=1e-4)
