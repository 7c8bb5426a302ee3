from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from userprofile.model.metrics import binary_metrics, over_seeds, place_metrics, ranking_metrics, spend_metrics

RANDOM = np.random.default_rng(5)


def test_binary_metrics_are_their_formulas() -> None:
    label, chance = RANDOM.integers(0, 2, 60), RANDOM.choice([0.1, 0.2, 0.5, 0.7, 0.9], 60)
    rows = list(zip(label.tolist(), chance.tolist(), strict=True))
    pairs = list(product([p for y, p in rows if y], [p for y, p in rows if not y]))
    expected = {
        "auc": sum(1.0 if p > q else 0.5 if p == q else 0.0 for p, q in pairs) / len(pairs),
        "log_loss": sum(-math.log(p if y else 1 - p) for y, p in rows) / len(rows),
        "brier": sum((p - y) ** 2 for y, p in rows) / len(rows),
    }
    assert binary_metrics(label, chance) == pytest.approx(expected)


def test_an_undecided_model_has_the_values_that_the_docstring_says() -> None:
    undecided = binary_metrics(np.array([0, 1, 1, 0]), np.full(4, 0.5))
    assert undecided == pytest.approx({"auc": 0.5, "log_loss": math.log(2), "brier": 0.25})


def test_one_class_has_no_auc_and_no_rows_have_nothing() -> None:
    assert binary_metrics(np.ones(3), np.full(3, 0.5))["auc"] is None
    assert set(binary_metrics(np.empty(0), np.empty(0)).values()) == {None}
    assert set(spend_metrics(np.empty(0), np.empty(0)).values()) == {None}


def test_spend_metrics_are_their_formulas() -> None:
    measured = spend_metrics(np.array([0.0, 100.0]), np.array([10.0, 70.0]))
    root = math.sqrt((math.log(11) ** 2 + (math.log(71) - math.log(101)) ** 2) / 2)
    assert measured == pytest.approx({"mae": 20.0, "rmse_log1p": root})


def test_place_metrics_are_their_formulas() -> None:
    places = np.array([0, 1, 9, 10, 500])
    gains = 1 + 1 / math.log2(3) + 1 / math.log2(11)
    assert place_metrics(places) == pytest.approx({"hr@10": 0.6, "ndcg@10": gains / 5})
    assert place_metrics(places, k=1) == pytest.approx({"hr@1": 0.2, "ndcg@1": 0.2})
    assert place_metrics(np.empty(0, int)) == {"hr@10": None, "ndcg@10": None}


def test_seeds_have_a_mean_and_an_interval() -> None:
    of_seeds = over_seeds([{"auc": 0.5, "mae": 2.0}, {"auc": 0.7, "mae": None}, {"auc": 0.6, "mae": 1.0}])
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert of_seeds == pytest.approx({"auc": 0.6, "auc_low": 0.6 - half, "auc_high": 0.6 + half, "mae": None})
    assert over_seeds([{"auc": 0.5}]) == {"auc": 0.5}


def ranking_by_hand(multi_hot: np.ndarray, scores: np.ndarray, k: int) -> dict[str, float]:
    gains, recalls = [], []
    for hot, row in zip(multi_hot, scores, strict=True):
        positives = int(sum(hot))
        if not positives:
            continue
        places = sorted(range(len(row)), key=lambda column: (-row[column], column))[:k]
        gain = sum(1 / math.log2(2 + place) for place, column in enumerate(places) if hot[column])
        gains.append(gain / sum(1 / math.log2(2 + place) for place in range(min(k, positives, len(row)))))
        recalls.append(sum(hot[column] for column in places) / positives)
    rows = float(len(gains))
    return {
        f"ndcg@{k}": sum(gains) / rows,
        f"recall@{k}": sum(recalls) / rows,
        "rows": rows,
        "rows_without_positive": len(multi_hot) - rows,
    }


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ranking_metrics_are_their_formulas(k: int) -> None:
    multi_hot = (RANDOM.random((50, 6)) < 0.3).astype(np.float32)
    scores = RANDOM.integers(0, 4, (50, 6)).astype(np.float32)
    assert ranking_metrics(multi_hot, scores, k) == pytest.approx(ranking_by_hand(multi_hot, scores, k))


def test_a_perfect_order_has_ndcg_one_and_rows_without_positive_are_counted() -> None:
    multi_hot = np.array([[1, 0, 1], [0, 0, 0]])
    measured = ranking_metrics(multi_hot, multi_hot.astype(float))
    assert measured == {"ndcg@10": 1.0, "recall@10": 1.0, "rows": 1.0, "rows_without_positive": 1.0}
    assert ranking_metrics(multi_hot[1:], multi_hot[1:])["ndcg@10"] is None
