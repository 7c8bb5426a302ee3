from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from userprofile.heads.every import heads_of
from userprofile.model.profile_model import build_model
from userprofile.spec import FeatureSpec

Batch = dict[str, np.ndarray]
MakeBatch = Callable[..., Batch]


@pytest.fixture
def model(spec: FeatureSpec, settings: dict[str, Any]) -> keras.Model:
    keras.utils.set_random_seed(6)
    return with_random_heads(build_model(spec, heads_of(spec), settings=settings))


def with_random_heads(model: keras.Model) -> keras.Model:
    """Heads start at zero: without this nothing could be seen through them."""
    for weight in model.trainable_variables:
        weight.assign(weight + np.random.default_rng(7).normal(0, 0.3, weight.shape))
    return model


def outputs(model: keras.Model, batch: Batch) -> Batch:
    return {name: np.asarray(value) for name, value in model({key: batch[key] for key in model.input}).items()}


def test_outputs_have_the_shapes_of_the_contract(model: keras.Model, make_batch: MakeBatch) -> None:
    shapes = {name: value.shape for name, value in outputs(model, make_batch(5)).items()}
    of_spend = dict.fromkeys(("spend_chance_logit", "spend_mean", "spend_deviation"), (5,))
    of_categories = {"category_logits": (5, 3), "category_chance_logit": (5,)}
    assert shapes == {"embedding": (5, 8), "purchase_logit": (5,), **of_spend, **of_categories}


def test_a_spec_without_dense_features_and_with_one_head_has_a_model(
    spec: FeatureSpec, settings: dict[str, Any], make_batch: MakeBatch
) -> None:
    spec = replace(spec, heads={"churn": ()}, dense=())
    bare = build_model(spec, heads_of(spec), settings=settings)
    batch = {**make_batch(4), "dense": np.zeros((4, 0), np.float32)}
    made = outputs(bare, batch)
    assert set(made) == {"embedding", "churn_logit"}
    assert np.isfinite(made["embedding"]).all()


def test_channels_and_quantiles_are_read(spec: FeatureSpec, settings: dict[str, Any], make_batch: MakeBatch) -> None:
    dense = tuple(replace(feature, knots=(0.0, 4.0, 9.0), levels=(0.1, 0.5, 1.0)) for feature in spec.dense)
    spec = replace(spec, dense=dense, channels={"brand": (4, 9), "hour": (1, 2, 3)}, item_buckets=5)
    wide = with_random_heads(build_model(spec, heads_of(spec), settings=settings))
    batch = make_batch(20)
    present = batch["sequence_action"] > 0
    batch |= {"sequence_brand": 3 * present, "sequence_hour": 2 * present}
    batch["sequence_item"] = np.where(present, spec.item_indices - 1, 0)
    said = outputs(wide, batch)["embedding"]
    for name in ("sequence_brand", "sequence_hour", "sequence_item"):
        other = outputs(wide, {**batch, name: 1 * present})["embedding"]
        assert np.abs(said - other).max() > 1e-3
    assert [table.input_dim for table in wide.get_layer("event").tables] == [10, 4, 12, 4, 5]


def test_absent_numbers_give_finite_outputs(model: keras.Model, make_batch: MakeBatch) -> None:
    batch = make_batch(4)
    batch["dense"][:] = np.nan
    assert all(np.isfinite(values).all() for values in outputs(model, batch).values())


def test_absence_is_not_the_mean(model: keras.Model, make_batch: MakeBatch) -> None:
    absent, mean = make_batch(4), make_batch(4)
    absent["dense"][:, 0], mean["dense"][:, 0] = np.nan, 3.0
    assert np.abs(outputs(model, absent)["embedding"] - outputs(model, mean)["embedding"]).max() > 1e-3


def test_what_stands_in_padding_changes_nothing(model: keras.Model, make_batch: MakeBatch) -> None:
    batch, scribbled = make_batch(20), make_batch(20)
    padded = batch["sequence_action"] == 0
    for key, value in (("sequence_item", 2), ("sequence_category", 1), ("sequence_age_days", 9.0)):
        scribbled[key] = np.where(padded, value, batch[key]).astype(batch[key].dtype)
    for name, values in outputs(model, batch).items():
        np.testing.assert_array_equal(values, outputs(model, scribbled)[name])


def test_every_input_matters(spec: FeatureSpec, settings: dict[str, Any], make_batch: MakeBatch) -> None:
    """For the embedding, and habits for the heads that count them."""
    spec = replace(spec, heads={**spec.heads, "window_items": spec.item_vocabulary})
    model, batch = with_random_heads(build_model(spec, heads_of(spec), settings=settings)), make_batch(20)
    said = outputs(model, batch)
    for key in model.input:
        changed = outputs(model, {**batch, key: np.roll(batch[key], 1, axis=0)})
        name = {"habit_item": "window_items_logits", "habit": "category_logits"}
        read = name.get(key, name["habit"] if key.startswith("habit") else "embedding")
        assert np.abs(said[read] - changed[read]).max() > 1e-4, key


def test_a_saved_model_says_the_same(model: keras.Model, make_batch: MakeBatch, tmp_path: Path) -> None:
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    batch = make_batch(10)
    for name, values in outputs(model, batch).items():
        np.testing.assert_allclose(outputs(loaded, batch)[name], values, rtol=1e-6)


def test_a_planted_rule_is_learnt(spec: FeatureSpec, settings: dict[str, Any], make_batch: MakeBatch) -> None:
    """The last event's category decides everything: guessing by base rates costs its entropy, a network must not."""
    keras.utils.set_random_seed(8)
    heads = heads_of(spec)
    network = build_model(spec, heads, settings=settings)
    optimiser = keras.optimizers.Adam(0.02)
    batch = {key: tf.constant(values) for key, values in make_batch(512).items()}

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            said = network({key: batch[key] for key in network.input}, training=True)
            loss = tf.add_n([tf.reduce_mean(head.loss(said, batch)) for head in heads])
        weights = network.trainable_variables
        optimiser.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    optimiser.build(network.trainable_variables)
    for _ in range(120):
        step()
    unseen = make_batch(512, seed=1)
    losses = {head.name: float(np.mean(head.loss(outputs(network, unseen), unseen))) for head in heads}
    rate = float(unseen["label_purchase"].mean())
    entropy = -rate * math.log(rate) - (1 - rate) * math.log(1 - rate)
    assert losses["purchase"] < 0.3 * entropy
    assert losses["next_categories"] < 0.3 * (math.log(3) + math.log(2))
    # What is left of the entropy of whether, and the log of a deviation that went to its floor of 0.1.
    assert losses["spend"] < 0.3 * entropy


@pytest.mark.parametrize("fusion", ["concat", "attention", "gated"])
def test_every_fusion_is_saved_and_makes_every_part_count(
    spec: FeatureSpec, settings: dict[str, Any], make_batch: MakeBatch, tmp_path: Path, fusion: str
) -> None:
    keras.utils.set_random_seed(9)
    model = with_random_heads(build_model(spec, heads_of(spec), settings={**settings, "fusion": fusion}))
    model.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    batch = make_batch(20)
    embedding = outputs(model, batch)["embedding"]
    np.testing.assert_allclose(outputs(loaded, batch)["embedding"], embedding, rtol=1e-5, atol=1e-6)
    for key in (name for name in model.input if not name.startswith("habit")):
        changed = outputs(model, {**batch, key: np.roll(batch[key], 1, axis=0)})["embedding"]
        assert np.abs(embedding - changed).max() > 1e-4, key
