"""What a training leaves behind. Without TensorFlow, so that a Spark driver can hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NETWORK, SPEC, HISTORY, METRICS = "network.keras", "spec.json", "history.json", "metrics.json"
PREDICTIONS, ITEMS = "predictions_{}.npz", "items.npz"  # of a split; what scores items by a state
EVALUATED_SPLITS = ("validation", "test")
EVENT_TABLES = "event_tables.npz"  # of the profile model: embeddings of items and categories
BODY = "body.npz"  # of a pre-training: the weights that another training begins with
TIMINGS = "timings.json"  # in place of all others where steps were only timed
PLAN = "plan.json"  # the arguments of feed.plan.plan_pass, but for the epoch


@dataclass(frozen=True)
class Trained:
    """`files` of the model folder by name; `history` has an entry an epoch: epoch, seconds, train,
    validation, skipped."""

    files: dict[str, bytes]
    history: list[dict[str, Any]]
