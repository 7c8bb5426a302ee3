from __future__ import annotations

import numpy as np
import pytest

from userprofile.calibration.spend import SpendCorrection

RANDOM = np.random.default_rng(11)


def test_the_total_comes_out_right_on_what_it_was_fitted_on() -> None:
    log1p, probability = RANDOM.normal(7, 1, 500), RANDOM.random(500)
    spend = np.round((RANDOM.random(500) < probability) * np.exp(log1p + RANDOM.normal(0, 1, 500)))
    correction = SpendCorrection.fit(log1p, probability, spend)
    assert correction.expected(log1p, probability).sum() == pytest.approx(spend.sum())
    assert correction.factor == pytest.approx(np.exp(0.5), rel=0.3)  # the mean of a log-normal above its median


def test_expected_spend_is_factor_times_chance_times_amount() -> None:
    expected = SpendCorrection(factor=1.5).expected(np.log1p([100.0, 100.0, 0.0]), np.array([1.0, 0.5, 1.0]))
    np.testing.assert_allclose(expected, [150, 75, 0])


def test_wild_predictions_stay_money() -> None:
    expected = SpendCorrection().expected(np.array([-5.0, 1e9]), np.ones(2))
    assert expected[0] == 0
    assert expected[1] < np.iinfo(np.int64).max


@pytest.mark.parametrize(("rows", "reason"), [(5, "5 validation rows"), (300, "no spend is predicted")])
def test_what_cannot_be_fitted_is_the_identity_and_says_why(rows: int, reason: str) -> None:
    correction = SpendCorrection.fit(np.zeros(rows), np.ones(rows), np.ones(rows))
    assert correction.factor == 1
    assert reason in correction.not_fitted_because


def test_a_log_without_money_expects_none() -> None:
    assert SpendCorrection.fit(np.full(300, 7.6), np.full(300, 0.5), np.zeros(300)).factor == 0
