from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest

from userprofile.errors import UsageError
from userprofile.heads.every import heads_of
from userprofile.model.losses import contrastive_loss
from userprofile.model.pretraining import (
    BODY,
    PARTS,
    MaskedEvents,
    build_pretraining_model,
    item_vectors,
    set_body,
    weights_of_body,
)
from userprofile.model.profile_model import build_model

RANDOM = np.random.default_rng(8)


def contrast_by_hand(first: np.ndarray, second: np.ndarray, counts: list[bool]) -> list[float]:
    """One group."""

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))

    losses = []
    for row, view in enumerate(first):
        powers = [
            math.exp(cosine(view, other) / 0.2) if there else 0 for other, there in zip(second, counts, strict=True)
        ]
        losses.append(-math.log(powers[row] / sum(powers)) if counts[row] else 0.0)
    return losses


def test_contrast_tells_users_of_a_group_apart_by_their_cosine() -> None:
    first, second = (RANDOM.normal(size=(6, 4)).astype(np.float32) for _ in range(2))
    weight = np.array([1, 1, 0, 1, 1, 1], np.float32)
    expected = [
        loss
        for group in (slice(0, 3), slice(3, 6))
        for loss in contrast_by_hand(first[group], second[group], (weight[group] > 0).tolist())
    ]
    np.testing.assert_allclose(np.asarray(contrastive_loss(first, second, weight, 3)), expected, rtol=1e-4)


def test_views_that_are_all_alike_have_the_loss_that_the_docstring_says() -> None:
    alike = np.ones((8, 3), np.float32)
    weight = np.array([1, 1, 1, 1, 1, 1, 1, 0], np.float32)
    losses = np.asarray(contrastive_loss(alike, alike, weight, 4))
    np.testing.assert_allclose(losses, [math.log(4)] * 4 + [math.log(3)] * 3 + [0], rtol=1e-5)


def test_a_masked_view_hides_about_its_share_of_events_anew_each_time_and_no_padding() -> None:
    layer, item = MaskedEvents(0.3), RANDOM.integers(2, 50, (200, 20))
    item[:, 15:] = 0
    both = [layer(item, np.where(item, item + 1, 0)) for _ in range(2)]
    seen = [np.asarray(one[0]) for one in both]
    np.testing.assert_array_equal(np.asarray(both[0][1]) == 1, seen[0] == 1)
    np.testing.assert_array_equal(np.asarray(both[0][2])[:, :15], (seen[0] != item)[:, :15])
    for masked in seen:
        assert (masked[:, 15:] == 0).all()
        assert set(np.unique(masked[masked != item])) == {1}
        assert (masked != item)[:, :15].mean() == pytest.approx(0.3, abs=0.03)
    assert (seen[0] != seen[1]).any()


def test_a_pretrained_body_says_in_a_profile_model_what_it_said(spec, settings: dict[str, Any], make_batch) -> None:
    keras.utils.set_random_seed(3)
    pretraining = build_pretraining_model(spec, settings=settings)
    for weight in pretraining.trainable_variables:
        weight.assign(weight + RANDOM.normal(0, 0.2, weight.shape))
    model = build_model(spec, heads_of(spec), settings=settings)
    batch = make_batch(9)
    states = keras.Model(model.input, model.get_layer("history").output)
    inputs = {key: batch[key] for key in model.input}
    expected = np.asarray(pretraining.get_layer(BODY)({key: batch[key] for key in pretraining.input})["states"])
    assert np.abs(np.asarray(states(inputs)) - expected).max() > 0.01
    set_body(model, weights_of_body(pretraining))
    np.testing.assert_allclose(np.asarray(states(inputs)), expected, rtol=1e-5, atol=1e-6)


def test_a_body_of_other_sizes_is_refused_and_the_part_named(spec, settings: dict[str, Any]) -> None:
    weights = weights_of_body(build_pretraining_model(spec, settings={**settings, "sequence_width": 6}))
    assert {name.split("/")[0] for name in weights} == set(PARTS)
    with pytest.raises(UsageError, match="does not fit: history"):
        set_body(build_model(spec, heads_of(spec), settings=settings), weights)


def test_the_state_that_the_next_event_is_asked_of_does_not_know_it(spec, settings: dict[str, Any], make_batch) -> None:
    model, batch = build_pretraining_model(spec, settings=settings), make_batch(40)
    batch = {key: batch[key] for key in model.input}
    item = batch["sequence_item"]
    other = {**batch, "sequence_item": np.where((item > 1) & (np.arange(item.shape[1]) >= 3), 6 - item, item)}
    said, changed = (np.asarray(model(one)["item"]) for one in (batch, other))
    np.testing.assert_allclose(said[:, :3], changed[:, :3], atol=1e-6)
    assert np.abs(said[:, 3:] - changed[:, 3:]).max() > 1e-4


def test_a_bidirectional_encoder_is_asked_of_events_that_are_hidden(spec, settings: dict[str, Any], make_batch) -> None:
    model = build_pretraining_model(spec, settings={**settings, "encoder": "bidirectional"})
    batch = make_batch(40)
    hidden = np.asarray(model({key: batch[key] for key in model.input})["hidden"])
    assert hidden[batch["sequence_action"] > 0].mean() == pytest.approx(0.3, abs=0.15)


def test_items_are_told_by_the_vectors_of_their_embedding(spec, settings: dict[str, Any]) -> None:
    model = build_pretraining_model(spec, settings=settings)
    table = model.get_layer(BODY).get_layer("event").tables[0].embeddings.numpy()
    np.testing.assert_array_equal(np.asarray(item_vectors(model)), table[2:])
