from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from userprofile.model.metrics import (
    binary_metrics,
    concordance,
    listed_ranking_of_rows,
    over_seeds,
    place_metrics,
    ranking_of_rows,
    spend_metrics,
)

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


def ranking_by_hand(positive: set[int], row: list[float]) -> tuple[float, float, float]:
    places = sorted(range(len(row)), key=lambda column: (-row[column], column))[:10]
    gain = sum(1 / math.log2(2 + place) for place, column in enumerate(places) if column in positive)
    hits = sum(column in positive for column in places)
    best = sum(1 / math.log2(2 + place) for place in range(min(10, len(positive))))
    return gain / best, float(hits > 0), hits / len(positive)


@pytest.mark.parametrize("columns", [3, 10, 40])
def test_rankings_are_their_formulas_row_by_row(columns: int) -> None:
    multi_hot = (RANDOM.random((50, columns)) < 0.3).astype(np.float32)
    scores = RANDOM.permuted(np.tile(np.arange(columns), (50, 1)), axis=1).astype(np.float32)
    listed = np.zeros((50, columns), int)
    for number, hot in enumerate(multi_hot):
        found = RANDOM.permutation(np.flatnonzero(hot)) + 1
        listed[number, : len(found)] = found
    whole, of_lists = ranking_of_rows(multi_hot, scores), listed_ranking_of_rows(listed, scores)
    for number, hot in enumerate(multi_hot):
        if not hot.any():
            assert all(np.isnan(values[number]) for values in (*whole.values(), *of_lists.values()))
            continue
        ndcg, hit, recall = ranking_by_hand(set(np.flatnonzero(hot).tolist()), scores[number].tolist())
        assert {name: values[number] for name, values in whole.items()} == pytest.approx(
            {"ndcg@10": ndcg, "recall@10": recall}
        )
        assert {name: values[number] for name, values in of_lists.items()} == pytest.approx(
            {"ndcg@10": ndcg, "hr@10": hit, "recall@10": recall}
        )


def test_ties_of_a_ranking_go_to_the_earlier_column() -> None:
    multi_hot = np.eye(12)[[0, 11]]
    assert ranking_of_rows(multi_hot, np.zeros((2, 12)))["ndcg@10"].tolist() == [1, 0]


def test_concordance_counts_pairs_of_different_times() -> None:
    came, expected = RANDOM.integers(0, 5, 60), RANDOM.integers(0, 6, 60)
    pairs = [(i, j) for i, j in product(range(60), repeat=2) if came[i] < came[j]]
    right = sum(1.0 if expected[i] < expected[j] else 0.5 if expected[i] == expected[j] else 0.0 for i, j in pairs)
    assert concordance(came, expected) == pytest.approx(right / len(pairs))
    assert concordance(came, came) == pytest.approx(1)
    assert concordance(came, np.ones(60)) == pytest.approx(0.5)
    assert concordance(np.ones(60), expected) is None
