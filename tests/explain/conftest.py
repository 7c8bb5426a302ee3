"""A small network with weights that make every part speak, and users for it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
import yaml

from userprofile.baselines.actions import ActionRates
from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.purchase import RecencyRule
from userprofile.baselines.rung import Rung
from userprofile.baselines.sets import Popularity
from userprofile.columns import ACTIONS
from userprofile.explain.wording import Wording
from userprofile.feed.examples import to_batch
from userprofile.feed.read import Batch
from userprofile.heads.every import heads_of
from userprofile.heads.serving import NETWORK, HeadServing, Serving
from userprofile.inference.score import Scorer
from userprofile.inference.space import Space
from userprofile.interest.choice import Interest
from userprofile.interest.vectors import EventVectors
from userprofile.interest.weightings import Rule
from userprofile.model.profile_model import build_model, event_tables
from userprofile.numbers import DenseFeature
from userprofile.spec import FeatureSpec

ENCODER: dict[str, Any] = {
    "encoder": "gru",
    "summary": "mean",
    "layers": 1,
    "heads": 1,
    "dropout": 0.5,
    "fusion": "concat",
    "task_weights": "fixed",
    **dict.fromkeys(["item_width", "category_width", "action_width", "channel_width", "sequence_width"], 4),
    **dict.fromkeys(["dense_width", "embedding_width"], 4),
}


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    return FeatureSpec(
        dense=(
            DenseFeature("days_since_purchase", 30.0, 10.0, False),
            DenseFeature("orders_30d", 2.0, 1.0, False),
            DenseFeature("orders_90d", 1.0, 1.0, True),
            DenseFeature("my_own", 0.0, 1.0, False),
        ),
        sequence_length=5,
        category_level=1,
        item_vocabulary=(5, 6),
        category_vocabulary=(1, 2, 3),
        window_days=(0.0, 10.0),
        churn_active_days=90,
        heads={
            "purchase": (), "churn": (), "spend": (), "days_to_purchase": (), "next_action": (0, 4),
            "next_categories": (1, 2, 3), "next_item": (5, 6),
        },
    )  # fmt: skip


@pytest.fixture
def encoder() -> dict[str, Any]:
    return dict(ENCODER)


@pytest.fixture
def make_network(spec: FeatureSpec) -> Callable[[int], keras.Model]:
    def made(seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        network = build_model(spec, heads_of(spec), settings=ENCODER)
        for weight in network.trainable_variables:
            weight.assign(weight + np.random.default_rng(seed).normal(0, 0.3, weight.shape))
        return network

    return made


@pytest.fixture(scope="session")
def users() -> pa.Table:
    rows, random = 40, np.random.default_rng(16)
    lengths = random.integers(0, 8, rows)

    def lists(low: int, high: int, kind: pa.DataType) -> pa.Array:
        return pa.array([random.integers(low, high, size).tolist() for size in lengths], pa.list_(kind))

    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(rows)],
            "as_of_date": [datetime.date(2026, 1, 1)] * rows,
            "days_since_purchase": [None if number % 5 == 0 else float(number) for number in range(rows)],
            "orders_30d": random.integers(0, 5, rows).astype(float),
            "orders_90d": random.integers(0, 9, rows).astype(float),
            "my_own": random.normal(size=rows),
            "interpurchase_days_mean": [None if number % 2 == 0 else 7.0 for number in range(rows)],
            "sequence_action": lists(0, 6, pa.int8()),
            "sequence_item": lists(4, 8, pa.int32()),
            "sequence_category_1": lists(0, 5, pa.int32()),
            "sequence_age_days": lists(1, 60, pa.float32()),
        }
    )


@pytest.fixture(scope="session")
def trees(users: pa.Table) -> BoostedTrees:
    random = np.random.default_rng(3)
    rows = pa.concat_tables([users] * 20)
    label = pa.array((random.random(rows.num_rows) < 0.3 + 0.1 * rows["orders_30d"].to_numpy()).astype(np.int8))
    return BoostedTrees.fit(
        rows.append_column("label", label),
        features=("days_since_purchase", "orders_30d", "orders_90d", "my_own"),
        label="label",
        objective="binary",
        seed=1,
        models=2,
    )


@pytest.fixture
def scorer(spec: FeatureSpec, make_network: Callable[[int], keras.Model], trees: BoostedTrees) -> Scorer:
    """Purchase by trees, churn by a rule over a number, two scores by rules over none, the rest by the network."""
    rungs: dict[str, tuple[str, Rung]] = {
        "purchase": ("lightgbm", trees),
        "churn": ("recency_rule", RecencyRule(tuple(np.linspace(0.1, 0.9, 10).tolist()))),
        "next_action": ("base_rate", ActionRates((0.4, 0.6))),
        "next_item": ("popularity", Popularity((0.7, 0.3))),
    }
    network = make_network(14)
    served = {name: rungs[name][0] if name in rungs else NETWORK for name in spec.heads}
    return Scorer(
        spec,
        Serving({name: HeadServing(model, "", {}, {}) for name, model in served.items()}),
        Interest(Rule(30.0, dict.fromkeys(ACTIONS, 1.0)), ""),
        EventVectors.of_tables(**event_tables(network)),
        Space("a", ""),
        {name: rung for name, (_, rung) in rungs.items()},
        {"category": {1: "Tea", 2: "Kettles", 3: "Cups"}, "item": {5: "K-5", 6: "T-6"}},
        network,
        network,
    )


@pytest.fixture
def wording(checkout: Path) -> Wording:
    language = yaml.safe_load((checkout / "conf/languages/en.yaml").read_text())
    return Wording(language["reasons"], language["window"], language["all_time"], "EUR", 2)


@dataclass(frozen=True)
class Taught:
    """Networks that learnt the same from the same users, each from weights of its own, and some of these users."""

    networks: tuple[keras.Model, keras.Model]
    spec: FeatureSpec
    batch: Batch


@pytest.fixture(scope="session")
def taught(spec: FeatureSpec) -> Taught:
    """Who bought long ago buys, all the more after a kettle (category 2), all the less the more orders there were."""
    rows, random = 2_000, np.random.default_rng(8)
    events = [random.integers(1, 4, size).tolist() for size in random.integers(1, 6, rows)]
    ages = [sorted(random.uniform(0, 60, len(of_user)).tolist(), reverse=True) for of_user in events]
    numbers = random.normal(size=(4, rows))
    table = pa.table(
        {
            "user_id": [f"user {number}" for number in range(rows)],
            "as_of_date": [datetime.date(2026, 1, 1)] * rows,
            "days_since_purchase": 30 + 10 * numbers[0],
            "orders_30d": 2 + numbers[1],
            "orders_90d": np.expm1(np.abs(1 + numbers[2])),
            "my_own": numbers[3],
            "sequence_action": pa.array([[0] * len(of_user) for of_user in events], pa.list_(pa.int8())),
            "sequence_item": pa.array([[5] * len(of_user) for of_user in events], pa.list_(pa.int32())),
            "sequence_category_1": pa.array(events, pa.list_(pa.int32())),
            "sequence_age_days": pa.array(ages, pa.list_(pa.float32())),
        }
    )
    kettles = np.array([of_user.count(2) for of_user in events])
    logit = 2 * numbers[0] - numbers[1] + 1.5 * (kettles - 1)
    label = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    spec = replace(spec, heads={"purchase": ()})
    batch = to_batch(table, spec)

    def network(seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        made = build_model(spec, heads_of(spec), settings={**ENCODER, "dropout": 0.0})
        loss = {"purchase_logit": keras.losses.BinaryCrossentropy(from_logits=True)}
        made.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
        inputs = {name: batch[name] for name in made.input}
        made.fit(inputs, {"purchase_logit": label[:, None]}, batch_size=128, epochs=8, verbose=0)
        return made

    return Taught((network(1), network(2)), spec, {name: values[:300] for name, values in batch.items()})
