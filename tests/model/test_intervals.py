from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from userprofile.model.intervals import auc, best_f1_threshold, correlation, f1, interval, mae

RANDOM = np.random.default_rng(4)
SCORE = np.round(RANDOM.random(60), 1)  # with ties
LABEL = (RANDOM.random(60) < SCORE).astype(int)
WEIGHT = RANDOM.integers(0, 3, 60)
ONE = np.ones(60)


def repeated(values):
    """A row of weight 2 stands there twice."""
    return [value for value, weight in zip(values, WEIGHT, strict=True) for _ in range(weight)]


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    label, score = repeated(LABEL), repeated(SCORE)
    pairs = [
        1.0 if yes > no else 0.5 if yes == no else 0.0
        for yes, is_yes in zip(score, label, strict=True)
        for no, is_no in zip(score, label, strict=True)
        if is_yes and not is_no
    ]
    assert auc(LABEL, SCORE, WEIGHT) == pytest.approx(sum(pairs) / len(pairs))
    assert auc(LABEL, SCORE, ONE) == pytest.approx(roc_auc_score(LABEL, SCORE))
    assert auc(LABEL, np.zeros(60), ONE) == 0.5
    assert math.isnan(auc(np.ones(60), SCORE, ONE))


def test_weighted_measures_are_those_of_repeated_rows():
    label, score = repeated(LABEL), repeated(SCORE)
    positive = SCORE >= 0.5
    assert f1(LABEL, positive, WEIGHT) == pytest.approx(f1_score(label, repeated(positive)))
    assert f1(LABEL, np.zeros(60), ONE) == 0
    assert mae(LABEL, SCORE, WEIGHT) == pytest.approx(
        statistics.mean(abs(a - b) for a, b in zip(label, score, strict=True))
    )
    assert correlation(LABEL, SCORE, WEIGHT) == pytest.approx(statistics.correlation(label, score))
    assert math.isnan(correlation(LABEL, ONE, ONE))


def test_no_other_threshold_has_a_greater_f1():
    best = best_f1_threshold(LABEL, SCORE)
    scores = {value: f1(LABEL, np.greater_equal(SCORE, value), ONE) for value in SCORE}
    assert scores[best] == max(scores.values())


def test_an_interval_of_a_mean_is_the_normal_one():
    values = RANDOM.normal(size=400)
    low, high = interval(mae, np.zeros(400), values, draws=2_000)
    centre, error = np.mean(np.abs(values)), np.std(np.abs(values)) / 20
    assert (low, high) == pytest.approx((centre - 1.96 * error, centre + 1.96 * error), abs=0.15 * error)
    assert interval(mae, np.zeros(400), values) == interval(mae, np.zeros(400), values)
    assert all(math.isnan(end) for end in interval(mae, np.empty(0), np.empty(0)))
