"""What is decided on validation, and that the test has no say in it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.outcomes import MeanDays
from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.baselines.regression import RfmLogistic, RfmPoisson
from userprofile.errors import DataGateError
from userprofile.pipelines.outcome_judging import judged, table_rows

BUYING = {"base_rate": BaseRate.fit, "recency_rule": RecencyRule.fit, "rfm_logistic": RfmLogistic.fit}
COUNTING = {"mean_days": MeanDays.fit, "rfm_poisson": RfmPoisson.fit}
DAYS = (dt.date(2024, 1, 1), dt.date(2024, 2, 1))


def rows(users: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    recency = rng.uniform(1, 200, users)
    days = rng.poisson(60 / (20 + recency))
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(users)],
            "as_of_date": [DAYS[number % 2] for number in range(users)],
            "days_since_purchase": recency,
            "rfm_recency_days": recency,
            "rfm_frequency": rng.integers(1, 9, users),
            "rfm_monetary": rng.integers(100, 900, users),
            "label_purchase": pa.array((days > 0).astype(np.int8)),
            "label_purchase_days": days,
        }
    )


def with_labels(table: pa.Table, labels: np.ndarray) -> pa.Table:
    return table.set_column(table.column_names.index("label_purchase"), "label_purchase", pa.array(labels))


def test_the_labels_of_the_test_decide_nothing():
    train, test = rows(600, 1), rows(400, 2)
    other = with_labels(test, 1 - test["label_purchase"].to_numpy())
    said, of_others = (judged(train, one, BUYING, outcome="buys", best_threshold=True) for one in (test, other))
    assert said.served == of_others.served
    for model, values in said.predicted.items():
        assert values.tolist() == of_others.predicted[model].tolist()
        assert said.positive[model].tolist() == of_others.positive[model].tolist()
    assert said.label.tolist() != of_others.label.tolist()


def test_the_profile_is_what_serves_in_the_same_order():
    said = judged(rows(600, 1), rows(400, 2), BUYING, outcome="buys", best_threshold=True)
    assert "of rfm_logistic" in said.served.because
    order = np.argsort(said.predicted[said.served.model], kind="stable")
    assert (np.diff(said.predicted["profile"][order]) >= 0).all()
    half = judged(rows(600, 1), rows(400, 2), BUYING, outcome="buys", best_threshold=False)
    assert half.positive["rfm_logistic"].tolist() == (half.predicted["rfm_logistic"] >= 0.5).tolist()


def test_rows_of_the_table_are_those_of_all_parts():
    parts = [judged(rows(500, seed), rows(200, 9 + seed), COUNTING, outcome="purchase_days", best_threshold=False)
             for seed in (1, 2)]  # fmt: skip
    table = table_rows(parts, outcome="purchase_days")
    assert list(table) == ["profile", "mean_days", "rfm_poisson", "blend"]
    label = np.concatenate([part.label for part in parts])
    error = np.abs(np.concatenate([part.predicted["rfm_poisson"] for part in parts]) - label)
    assert table["rfm_poisson"]["mae"] == pytest.approx(error.mean())
    assert table["rfm_poisson"]["mae_low"] < error.mean() < table["rfm_poisson"]["mae_high"]
    assert (table["profile"]["users"], len(table["profile"]["served"])) == (400, 2)
    one = table_rows(parts[:1], outcome="purchase_days")["mean_days"]
    assert one["correlation"] is one["correlation_low"] is None  # of a constant


def test_users_who_all_do_the_same_teach_nothing():
    train = rows(600, 1)
    nobody = with_labels(train, np.zeros(600, dtype=np.int8))
    with pytest.raises(DataGateError, match="too few users differ") as caught:
        judged(nobody, train, BUYING, outcome="buys", best_threshold=False)
    assert caught.value.received == "0 with and 600 without"
