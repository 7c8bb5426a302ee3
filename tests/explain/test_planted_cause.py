"""What alone decides a score in the data is the first reason of those whom it decides, by trees and by the network."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.boosting import BoostedTrees
from userprofile.explain.evidence import Evidence, Names, of_features, of_network
from userprofile.explain.network import FEW, NetworkAttribution
from userprofile.feed.examples import to_batch
from userprofile.heads.every import HEADS
from userprofile.model.profile_model import build_model
from userprofile.spec import FeatureSpec

ROWS, KETTLES, LEFT_AFTER = 3_000, 2, 45
NUMBERS = ("days_since_purchase", "orders_30d", "orders_90d", "my_own")


@pytest.fixture(scope="module")
def planted() -> pa.Table:
    """Who bought nothing for LEFT_AFTER days leaves, and whoever met a kettle buys; nothing else matters."""
    random = np.random.default_rng(8)
    events = [random.integers(1, 4, size).tolist() for size in random.integers(1, 4, ROWS)]
    days = random.uniform(0, 90, ROWS)
    ages = [sorted(random.uniform(0, 60, len(of_user)).tolist(), reverse=True) for of_user in events]
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(ROWS)],
            "as_of_date": [datetime.date(2026, 1, 1)] * ROWS,
            "days_since_purchase": days,
            "orders_30d": random.integers(0, 5, ROWS).astype(float),
            "orders_90d": random.integers(0, 9, ROWS).astype(float),
            "my_own": random.normal(size=ROWS),
            "sequence_action": pa.array([[0] * len(of_user) for of_user in events], pa.list_(pa.int8())),
            "sequence_item": pa.array([[5] * len(of_user) for of_user in events], pa.list_(pa.int32())),
            "sequence_category_1": pa.array(events, pa.list_(pa.int32())),
            "sequence_age_days": pa.array(ages, pa.list_(pa.float32())),
            "label_churn": pa.array((days > LEFT_AFTER).astype(np.int8)),
            "label_purchase": pa.array([int(KETTLES in of_user) for of_user in events], pa.int8()),
        }
    )


def first_of(evidence: Evidence) -> list[tuple[str, Any]]:
    """The strongest topic of each user."""
    best = np.abs(evidence.part).argmax(axis=1)
    rows = np.arange(len(best))
    return list(zip(evidence.code[rows, best].tolist(), evidence.name[rows, best].tolist(), strict=True))


def test_trees_name_the_number_that_decides(planted: pa.Table, spec: FeatureSpec) -> None:
    trees = BoostedTrees.fit(planted, features=NUMBERS, label="label_churn", objective="binary", seed=1, models=1)
    evidence = of_features(trees.contributions(planted)[:, :-1], NUMBERS, planted, spec)
    named = [code == "purchase_recency" for code, _ in first_of(evidence)]
    left = planted["label_churn"].to_numpy() == 1
    assert np.mean(np.array(named)[left]) >= 0.9


@pytest.mark.slow
def test_the_network_names_the_category_that_decides(
    planted: pa.Table, spec: FeatureSpec, encoder: Mapping[str, Any]
) -> None:
    keras.utils.set_random_seed(3)
    spec = replace(spec, heads={"purchase": ()})
    head, batch = HEADS["purchase"], to_batch(planted, spec)
    network = build_model(spec, [head], settings={**encoder, "dropout": 0.0})
    label = planted["label_purchase"].to_numpy().astype(np.float32)
    network.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss={"purchase_logit": keras.losses.BinaryCrossentropy(from_logits=True)},
    )
    inputs = {name: batch[name] for name in network.input}
    network.fit(inputs, {"purchase_logit": label[:, None]}, batch_size=128, epochs=15, verbose=0)
    said = np.asarray(network(inputs)["purchase_logit"])
    assert np.mean((said > 0) == (label == 1)) > 0.99
    attribution = NetworkAttribution(network, ["purchase"]).attributions(batch, steps=FEW)["purchase"]
    names = Names({1: "Tea", KETTLES: "Kettles", 3: "Cups"}, np.full(ROWS, None))
    first = first_of(of_network(attribution, planted, batch, spec, names))
    named = [name == "Kettles" for _, name in first]
    assert np.mean(np.array(named)[label == 1]) >= 0.9
