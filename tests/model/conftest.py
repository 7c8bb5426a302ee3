from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from userprofile.numbers import DenseFeature
from userprofile.spec import FeatureSpec

Batch = dict[str, np.ndarray]

SETTINGS: dict[str, Any] = {
    "encoder": "gru",
    "summary": "mean",
    "layers": 1,
    "heads": 2,
    "item_width": 4,
    "category_width": 3,
    "action_width": 2,
    "channel_width": 2,
    "sequence_width": 8,
    "dense_width": 8,
    "embedding_width": 8,
    "dropout": 0.0,
    "fusion": "concat",
    "task_weights": "fixed",
}


@pytest.fixture
def settings() -> dict[str, Any]:
    return dict(SETTINGS)


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    return FeatureSpec(
        dense=(DenseFeature("age", 3.0, 2.0, False), DenseFeature("spend", 5.0, 1.5, True)),
        sequence_length=6,
        category_level=1,
        item_vocabulary=(11, 12, 13),
        category_vocabulary=(1, 2),
        window_days=(0.0, 14.0),
        churn_active_days=90,
        habit_length=9,
        heads={"purchase": (), "spend": (), "next_categories": (1, 2, 3)},
    )


@pytest.fixture
def make_batch(spec: FeatureSpec) -> Callable[..., Batch]:
    """Random rows that pad as the feed does; `next_categories` and `purchase` follow from the last event alone."""

    def made(rows: int, seed: int = 0) -> Batch:
        random = np.random.default_rng(seed)
        length = spec.sequence_length
        count = random.integers(0, length + 1, rows)
        present = np.arange(length) < count[:, None]
        category = random.integers(1, 4, (rows, length)) * present
        last = np.where(count > 0, category[np.arange(rows), np.maximum(count, 1) - 1], 0)
        dense = np.stack([random.normal(3, 2, rows), random.exponential(200, rows)], axis=1)
        dense[random.random(dense.shape) < 0.2] = np.nan
        return {
            "dense": dense.astype(np.float32),
            "sequence_action": (random.integers(1, 4, (rows, length)) * present).astype(np.int32),
            "sequence_item": (random.integers(1, 5, (rows, length)) * present).astype(np.int32),
            "sequence_category": category.astype(np.int32),
            "sequence_age_days": (random.exponential(20, (rows, length)) * present).astype(np.float32),
            "habit_item": random.integers(0, 5, (rows, spec.habit_length)).astype(np.int32),
            "habit_category": random.integers(0, 4, (rows, spec.habit_length)).astype(np.int32),
            "habit_age_days": random.exponential(20, (rows, spec.habit_length)).astype(np.float32),
            "label_purchase": (last == 1).astype(np.float32),
            "label_spend": np.where(last == 1, 5000, 0).astype(np.float32),
            "label_next_categories": np.eye(4, dtype=np.float32)[last][:, 1:],
            "weight": np.ones(rows, np.float32),
        }

    return made
