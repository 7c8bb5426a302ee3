"""The next-item model: its loss by a loop, its items by their contents, and that it learns what follows what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from userprofile.feed.histories import HistorySpec
from userprofile.model.next_item import (
    NextItemModel,
    build_next_item_model,
    gain_of_place,
    next_item_loss,
    states_and_targets,
)

KNOWN, LENGTH = 5, 6
SPEC = HistorySpec(
    sequence_length=LENGTH,
    vocabulary=(11, 12, 13, 14, 15),
    contents=((2, 0), (2, 2), (3, 1), (6, 2)),
    content_count=3,
)
SETTINGS = {"encoder": "transformer", "width": 8, "layers": 1, "heads": 2, "dropout": 0.0, "own_dropout": 0.0}


def histories(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Users who go through the items in a circle, from anywhere."""
    chance = np.random.default_rng(seed)
    counts = chance.integers(1, LENGTH + 1, rows)
    present = np.arange(LENGTH) < counts[:, None]
    items = (chance.integers(0, KNOWN, rows)[:, None] + np.arange(LENGTH + 1)) % KNOWN + 2
    return {
        "item": (items[:, :-1] * present).astype(np.int32),
        "action": present.astype(np.int32),
        "gap_days": (chance.exponential(5, (rows, LENGTH)) * present).astype(np.float32),
        "target": (items[:, 1:] * present).astype(np.int32),
        "weight": np.ones(rows, np.float32),
    }


def scores_and_targets(
    network: NextItemModel, batch: dict[str, np.ndarray], *, training: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    states, vectors, target = states_and_targets(network, batch, training)
    return network.scores(states, vectors), target


def model(**changes: object) -> NextItemModel:
    keras.utils.set_random_seed(1)
    return build_next_item_model(SPEC, settings={**SETTINGS, **changes})


def test_an_item_is_its_own_vector_and_the_mean_of_its_contents() -> None:
    items = model().items
    own, of_content = np.asarray(items.own), np.asarray(items.of_content)
    expected = own.copy()
    expected[2] += (of_content[0] + of_content[2]) / 2
    expected[3] += of_content[1]
    expected[6] += of_content[2]
    np.testing.assert_allclose(np.asarray(items.table()), expected, atol=1e-6)


def with_vectors(fusion: str = "gated", **changes: Any) -> NextItemModel:
    """Items 2 to 6, of which the last two are new; item 4 has no text, item 6 nothing."""
    keras.utils.set_random_seed(1)
    spec = replace(SPEC, new_items=2, contents=SPEC.contents[:3])
    text, image = np.random.default_rng(3).normal(size=(2, 7, 4)).astype(np.float32)
    text[[0, 1, 4, 6]], image[[0, 1, 6]] = 0, 0
    settings = {**SETTINGS, "fusion": fusion, **changes}
    return build_next_item_model(spec, settings=settings, vectors={"text": text, "image": image})


@pytest.mark.parametrize("fusion", ["concat", "attention", "gated"])
def test_a_new_item_is_known_by_its_contents_alone(fusion: str) -> None:
    network, batch = with_vectors(fusion), histories(20)
    table = np.asarray(network.items.table())
    assert table.shape == (7, 8)
    assert np.abs(table[5]).max() > 1e-3  # by text and image alone
    np.testing.assert_array_equal(table[6], 0)  # nothing is known of it
    batch["target"] = np.where(batch["target"] > 4, 0, batch["target"])
    scores, _ = scores_and_targets(network, batch, training=False)
    assert scores.shape[1] == 3  # new items are no alternatives while others are learnt
    fixed = [weight.path for weight in network.items.weights if not weight.trainable]
    assert len(fixed) == 4


def test_items_hidden_in_training_speak_by_their_contents() -> None:
    network = with_vectors(own_dropout=0.9)
    rest = np.asarray(network.items.table())
    network.items.own.assign(np.full((5, 8), 100.0))
    shown = np.abs(np.asarray(network.items.table(training=True))[:5]).max(axis=1)
    assert (shown < 50).any()
    assert np.abs(np.asarray(network.items.table())[:5]).min() > 50
    np.testing.assert_allclose(np.asarray(network.items.table())[5:], rest[5:], atol=1e-6)


@pytest.mark.parametrize("fusion", ["concat", "attention", "gated"])
def test_a_saved_network_keeps_the_vectors_of_its_items(fusion: str, tmp_path: Path) -> None:
    network = with_vectors(fusion)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(np.asarray(loaded.items.table()), np.asarray(network.items.table()))


def test_without_vectors_there_are_the_weights_of_a_model_that_knows_no_contents() -> None:
    network = model(fusion="concat")
    assert [weight.name for weight in network.items.weights] == ["own", "of_content", "pair_item", "pair_content"]


def test_the_loss_is_the_cross_entropy_of_each_event_to_be_predicted() -> None:
    network, batch = model(), histories(9)
    batch["target"][2, 1] = 0
    batch["weight"][4] = 0
    asked = scores_and_targets(network, batch, training=False)
    losses, gains = np.asarray(next_item_loss(*asked)), np.asarray(gain_of_place(*asked))
    vectors = network.items.table()
    states, expected = np.asarray(network.states(batch, vectors)), []
    for row, place in zip(*np.nonzero(batch["target"]), strict=True):
        if batch["weight"][row]:
            scores = states[row, place] @ np.asarray(vectors)[2:].T
            height = scores[batch["target"][row, place] - 2]
            gain = 1 / np.log2(1 + (scores >= height - 1e-6).sum())
            expected.append((np.log(np.exp(scores).sum()) - height, gain))
    np.testing.assert_allclose(np.stack([losses, gains], axis=1), expected, rtol=1e-4)


def test_the_eleventh_place_gains_nothing() -> None:
    scores = np.arange(12, 0, -1, dtype=np.float32)[None].repeat(12, axis=0)
    gains = np.asarray(gain_of_place(scores, np.arange(12, dtype=np.int32)))
    np.testing.assert_allclose(gains, [1 / np.log2(2 + place) if place < 10 else 0 for place in range(12)], rtol=1e-6)


def test_an_untrained_model_loses_the_logarithm_of_the_number_of_items() -> None:
    network = model()
    for weight in network.items.weights[:2]:
        weight.assign(np.zeros(weight.shape))
    losses = next_item_loss(*scores_and_targets(network, histories(20), training=False))
    np.testing.assert_allclose(losses, np.log(KNOWN), rtol=1e-5)


@pytest.mark.parametrize("encoder", ["gru", "lstm", "transformer", "hstu"])
def test_what_follows_what_is_learnt(encoder: str) -> None:
    network, batch, optimiser = model(encoder=encoder), histories(64), keras.optimizers.Adam(0.02)
    first = None
    for _ in range(60):
        with tf.GradientTape() as tape:
            mean = tf.reduce_mean(next_item_loss(*scores_and_targets(network, batch, training=True)))
        weights = network.trainable_variables
        optimiser.apply(tape.gradient(mean, [weight.value for weight in weights]), weights)
        first = first or float(mean)
    unseen = scores_and_targets(network, histories(32, seed=9), training=False)
    assert first == pytest.approx(np.log(KNOWN), abs=0.3)
    assert np.mean(next_item_loss(*unseen)) < 0.1
    assert np.mean(gain_of_place(*unseen)) == pytest.approx(1, abs=0.05)


def test_a_saved_network_is_the_same_network(tmp_path: Path) -> None:
    network, batch = model(), histories(4)
    inputs = {name: batch[name] for name in ("item", "action", "gap_days")}
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(np.asarray(loaded(inputs)["state"]), np.asarray(network(inputs)["state"]))
    np.testing.assert_array_equal(np.asarray(loaded.items.table()), np.asarray(network.items.table()))


def test_shorter_rows_have_the_same_states() -> None:
    network, batch = model(), histories(6)
    longer = {name: batch[name] for name in ("item", "action", "gap_days")}
    shorter = {name: values[:, :4] for name, values in longer.items()}
    cut = {name: values * (np.arange(LENGTH) < 4) for name, values in longer.items()}
    np.testing.assert_allclose(network(shorter)["state"], network(cut)["state"], atol=1e-5)
