from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.purchase import PRIOR_ROWS, RECENCY_EDGES, BaseRate, RecencyRule

RANDOM = np.random.default_rng(13)
DAYS = [None if day > 500 else float(day) for day in RANDOM.integers(0, 600, 400)]
TRAIN = pa.table({"days_since_purchase": DAYS, "label_purchase": pa.array(RANDOM.integers(0, 2, 400), pa.int8())})


def test_the_base_rate_is_everyones() -> None:
    train = pa.table({"label_purchase": pa.array([1, 0, 0, 0], pa.int8())})
    assert BaseRate.fit(train).predict(train).tolist() == [0.25] * 4


def bucket_by_hand(days: float | None) -> int:
    return -1 if days is None else sum(days >= edge for edge in RECENCY_EDGES)


def test_the_recency_rule_is_the_rate_of_the_bucket() -> None:
    rows = list(zip(DAYS, TRAIN["label_purchase"].to_pylist(), strict=True))
    base = sum(label for _, label in rows) / len(rows)
    predicted = RecencyRule.fit(TRAIN).predict(TRAIN)
    for days, chance in zip(DAYS, predicted, strict=True):
        labels = [label for other, label in rows if bucket_by_hand(other) == bucket_by_hand(days)]
        assert chance == pytest.approx((sum(labels) + PRIOR_ROWS * base) / (len(labels) + PRIOR_ROWS))


def test_a_bucket_begins_at_its_edge_and_an_empty_one_has_the_base_rate() -> None:
    train = pa.table({"days_since_purchase": [2.9, 3.0], "label_purchase": pa.array([1, 0], pa.int8())})
    asked = pa.table({"days_since_purchase": [2.9, 3.0, 400.0, None]})
    just_before, at_edge, empty, never = RecencyRule.fit(train).predict(asked)
    assert just_before > at_edge
    assert empty == never == pytest.approx(0.5)
