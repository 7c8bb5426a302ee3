from __future__ import annotations

import numpy as np
import pytest

from userprofile.calibration.platt import MINIMUM_ROWS
from userprofile.calibration.spend import SpendCorrection

RANDOM = np.random.default_rng(13)
EXPECTED = RANDOM.uniform(0, 4000, 1000)
SPENT = np.where(RANDOM.random(1000) < 0.4, 3 * EXPECTED, 0)


def test_the_total_comes_out_right_and_the_order_stays() -> None:
    correction = SpendCorrection.fit(EXPECTED, SPENT)
    corrected = correction.corrected(EXPECTED)
    assert corrected.sum() == pytest.approx(SPENT.sum())
    np.testing.assert_allclose(corrected, correction.factor * EXPECTED)


@pytest.mark.parametrize(
    ("expected", "spent", "reason"),
    [
        (EXPECTED[: MINIMUM_ROWS - 1], SPENT[: MINIMUM_ROWS - 1], "199 validation rows"),
        (np.zeros(300), SPENT[:300], "0 predicted"),
        (EXPECTED[:300], np.zeros(300), "0 is spent"),
    ],
)
def test_nothing_is_corrected_by_too_little_and_the_reason_is_kept(
    expected: np.ndarray, spent: np.ndarray, reason: str
) -> None:
    correction = SpendCorrection.fit(expected, spent)
    assert reason in correction.not_fitted_because
    np.testing.assert_array_equal(correction.corrected(expected), expected)
