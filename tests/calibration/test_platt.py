from __future__ import annotations

import numpy as np
import pytest

from userprofile.calibration.error import expected_calibration_error
from userprofile.calibration.platt import MINIMUM_ROWS, PlattScaling
from userprofile.model.metrics import binary_metrics

RANDOM = np.random.default_rng(9)


def skewed(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits twice as confident as they may be, and too high by one."""
    true = RANDOM.normal(-1, 1.5, rows)
    return 2 * true + 1, (RANDOM.random(rows) < 1 / (1 + np.exp(-true))).astype(np.float64)


def test_a_skew_is_undone_on_rows_not_fitted_on() -> None:
    scaling = PlattScaling.fit(*skewed(20_000))
    assert (scaling.slope, scaling.intercept) == pytest.approx((0.5, -0.5), abs=0.05)
    logit, label = skewed(20_000)
    before, after = PlattScaling().probability(logit), scaling.probability(logit)
    losses = [binary_metrics(label, chance)["log_loss"] or 0.0 for chance in (before, after)]
    errors = [expected_calibration_error(label, chance) or 0.0 for chance in (before, after)]
    assert losses[1] < losses[0] - 0.05
    assert errors[1] < 0.02 < 0.1 < errors[0]


def test_the_order_of_users_stays() -> None:
    logit, label = skewed(MINIMUM_ROWS)
    probability = PlattScaling.fit(logit, label).probability(np.sort(logit))
    assert (np.diff(probability) > 0).all()
    assert ((probability > 0) & (probability < 1)).all()


def test_a_split_without_overlap_stays_finite() -> None:
    logit = np.linspace(-3, 3, 400)
    scaling = PlattScaling.fit(logit, (logit > 0).astype(float))
    assert 0 < scaling.slope < 100


@pytest.mark.parametrize(
    ("logit", "label", "reason"),
    [
        (np.arange(5.0), np.array([0, 1, 0, 1, 1.0]), "5 validation rows"),
        (np.arange(300.0), np.ones(300), "the label 1"),
        (np.linspace(-3, 3, 400), (np.linspace(-3, 3, 400) < 0).astype(float), "slope"),
    ],
)
def test_what_cannot_be_fitted_is_the_identity_and_says_why(logit: np.ndarray, label: np.ndarray, reason: str) -> None:
    scaling = PlattScaling.fit(logit, label)
    assert (scaling.slope, scaling.intercept) == (1, 0)
    assert reason in scaling.not_fitted_because
