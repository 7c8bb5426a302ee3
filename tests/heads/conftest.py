"""Rows of gold.training_examples with every label, a spec of all heads, and what an untrained network says of them."""

from __future__ import annotations

import datetime
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

from userprofile.feed.examples import feature_keys, to_batch
from userprofile.heads.every import HEADS, heads_of, with_heads
from userprofile.model.profile_model import build_model
from userprofile.spec import FeatureSpec, fit_spec

NETWORK: dict[str, Any] = {
    "encoder": "gru", "summary": "mean", "layers": 1, "heads": 1, "item_width": 4, "category_width": 3,
    "action_width": 2, "channel_width": 2, "sequence_width": 6, "dense_width": 5, "embedding_width": 8,
    "dropout": 0.0, "fusion": "concat", "task_weights": "fixed",
}  # fmt: skip
DENSE = ("days_since_purchase", "activity")


def examples(rows: int, *, seed: int) -> pa.Table:
    """Users whose activity decides whether they buy, on a day, an amount, of categories and items they had before."""
    chance = np.random.default_rng(seed)
    activity = chance.normal(size=rows)
    buys = chance.random(rows) < 1 / (1 + np.exp(-2 * activity))
    since = np.where(chance.random(rows) < 0.2, np.nan, chance.uniform(0, 120, rows))
    lengths = chance.integers(0, 7, rows)
    items = [chance.integers(1, 12, size).tolist() for size in lengths]
    bought = [one[-2:] if buy else [] for one, buy in zip(items, buys, strict=True)]
    idle = chance.random(rows) < 0.2
    codes, actions = pa.list_(pa.int32()), pa.list_(pa.int8())
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(rows)],
            "as_of_date": [datetime.date(2026, 1, 1)] * rows,
            "split": ["train"] * rows,
            "activity": activity,
            "days_since_purchase": pa.array(since, mask=np.isnan(since)),
            "sequence_action": pa.array([chance.choice([0, 2, 4], size).tolist() for size in lengths], actions),
            "sequence_item": pa.array(items, codes),
            "sequence_category_1": pa.array([[1 + item % 4 for item in one] for one in items], codes),
            "sequence_age_days": pa.array([sorted(chance.random(n) * 90) for n in lengths], pa.list_(pa.float32())),
            "label_purchase": pa.array(buys.astype(np.int8)),
            "label_churn": pa.array((~buys).astype(np.int8), mask=~(since <= 90)),
            "label_spend": pa.array(np.where(buys, np.exp(chance.normal(7, 0.5, rows)).round(), 0).astype(np.int64)),
            "label_days_to_purchase": pa.array(chance.uniform(1, 15, rows), mask=~buys),
            "label_next_action": pa.array(np.where(buys, 4, 0).astype(np.int8), mask=idle),
            "label_window_actions": pa.array([[0, 4] if buy else [0] * (n % 2) for n, buy in enumerate(buys)], actions),
            "label_next_categories": pa.array([sorted({1 + item % 4 for item in one}) for one in bought], codes),
            "label_next_item": pa.array([one[0] if one else None for one in bought], pa.int32()),
            "label_window_items": pa.array([list(dict.fromkeys(one)) for one in bought], codes),
            "label_risk": pa.array((chance.random(rows) < 1 / (1 + np.exp(3 + activity))).astype(np.int8)),
        }
    )


@pytest.fixture(scope="session")
def train() -> pa.Table:
    return examples(600, seed=1)


@pytest.fixture(scope="session")
def validation() -> pa.Table:
    return examples(400, seed=2)


@pytest.fixture(scope="session")
def bare(train: pa.Table) -> FeatureSpec:
    """Without heads."""
    return fit_spec(
        train,
        dense_names=DENSE,
        sequence_length=5,
        category_level=1,
        item_vocabulary_size=10,
        window_days=(1.0, 14.0),
        churn_active_days=90,
    )


@pytest.fixture(scope="session")
def spec(bare: FeatureSpec, train: pa.Table) -> FeatureSpec:
    found, reasons = with_heads(bare, train, HEADS, most_classes=10)
    assert reasons == {}
    return found


@pytest.fixture(scope="session")
def network(spec: FeatureSpec) -> keras.Model:
    """With random weights: heads begin at zero."""
    keras.utils.set_random_seed(3)
    made = build_model(spec, heads_of(spec), settings=NETWORK)
    for weight in made.trainable_variables:
        weight.assign(weight + np.random.default_rng(4).normal(0, 0.2, weight.shape))
    return made


@pytest.fixture(scope="session")
def outputs(network: keras.Model, spec: FeatureSpec, validation: pa.Table) -> dict[str, np.ndarray]:
    """Of the validation rows."""
    batch = to_batch(validation, spec)
    return {name: np.asarray(value) for name, value in network({key: batch[key] for key in feature_keys(spec)}).items()}


@pytest.fixture(scope="session")
def labels(spec: FeatureSpec, validation: pa.Table) -> dict[str, np.ndarray]:
    """Of the validation rows."""
    return {name: values for head in heads_of(spec) for name, values in head.arrays(validation, spec).items()}
