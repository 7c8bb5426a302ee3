"""Fusions equal a loop over items, leave an item without contents as it is, and let all parts learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf, expit, softmax

from userprofile.model.item_content import FUSIONS, ItemContent

ITEMS, PARTS, WIDTH = 5, 3, 4


def dense(x: np.ndarray, layer: keras.layers.Dense) -> np.ndarray:
    kernel, *bias = (np.asarray(weight) for weight in layer.weights)
    return x @ kernel + (bias[0] if bias else 0)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def slow_concat(layer, parts: np.ndarray, present: np.ndarray) -> np.ndarray:
    if not present[1:].any():
        return parts[0]
    side_by_side = np.concatenate([part if there else 0 * part for part, there in zip(parts, present, strict=True)])
    return parts[0] + dense(gelu(dense(side_by_side, layer.hidden)), layer.project)


def slow_attention(layer, parts: np.ndarray, present: np.ndarray) -> np.ndarray:
    query, there = dense(parts[0], layer.query), np.flatnonzero(present)
    weights = softmax([query @ dense(parts[one], layer.key) / np.sqrt(WIDTH) for one in there])
    return sum(weight * parts[one] for weight, one in zip(weights, there, strict=True))


def slow_gated(layer, parts: np.ndarray, present: np.ndarray) -> np.ndarray:
    out = parts[0].copy()
    for other in np.flatnonzero(present)[1:]:
        out += expit(dense(np.concatenate([parts[0], parts[other]]), layer.gate)) * parts[other]
    return out


SLOW = {"concat": slow_concat, "attention": slow_attention, "gated": slow_gated}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_fusion_is_that_of_a_loop_over_items(fusion: str) -> None:
    keras.utils.set_random_seed(2)
    chance = np.random.default_rng(2)
    parts = chance.normal(size=(ITEMS, PARTS, WIDTH)).astype(np.float32)
    present = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [1, 1, 1]], bool)
    layer = FUSIONS[fusion](WIDTH)
    layer.build(parts.shape)
    fused = np.asarray(layer(parts, present))
    for item in range(ITEMS):
        np.testing.assert_allclose(fused[item], SLOW[fusion](layer, parts[item], present[item]), atol=1e-5)
    np.testing.assert_allclose(fused[3], parts[3, 0], atol=1e-6)  # without text and image it stays itself


def content(fusion: str) -> tuple[ItemContent, np.ndarray]:
    keras.utils.set_random_seed(3)
    layer = ItemContent(ITEMS, ["text", "image"], 6, WIDTH, fusion)
    layer.build((ITEMS, WIDTH))
    text, image = np.random.default_rng(4).normal(size=(2, ITEMS, 6)).astype(np.float32)
    text[[1, 3]], image[[2, 3]] = 0, 0
    layer.assign({"text": text, "image": image})
    return layer, np.random.default_rng(5).normal(0, 0.02, (ITEMS, WIDTH)).astype(np.float32)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_an_item_lacks_has_no_say(fusion: str) -> None:
    layer, own = content(fusion)
    before = np.asarray(layer(own))
    np.testing.assert_allclose(before[3], own[3], atol=1e-7)
    layer.projections["text"].bias.assign(np.full(WIDTH, 9.0))
    after = np.asarray(layer(own))
    np.testing.assert_array_equal(after[[1, 3]], before[[1, 3]])
    assert (np.abs(after[[0, 2, 4]] - before[[0, 2, 4]]) > 1e-3).any(axis=1).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_weight_but_the_vectors_is_learnt(fusion: str) -> None:
    layer, own = content(fusion)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(own) ** 2)
    weights = layer.trainable_weights
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    still = [weight.path for weight, one in zip(weights, gradients, strict=True) if one is None or not np.any(one)]
    assert [path for path in still if not path.endswith("key/bias")] == []  # which changes no share
    assert len(weights) == len(layer.weights) - 2


def test_contents_begin_as_loud_as_the_items_themselves() -> None:
    keras.utils.set_random_seed(6)
    layer = ItemContent(2000, ["text"], 64, 64, "gated")
    layer.build((2000, 64))
    vectors = np.random.default_rng(7).normal(size=(2000, 64)).astype(np.float32)
    assert np.asarray(layer.projections["text"](vectors)).std() == pytest.approx(0.02, rel=0.1)
