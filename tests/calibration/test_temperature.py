from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from userprofile.calibration.temperature import Temperature

RANDOM = np.random.default_rng(21)


def drawn(rows: int, sharper: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too sharp by a factor, and classes that come by the true ones."""
    true = RANDOM.normal(0, 1.5, (rows, 4))
    came = np.array([RANDOM.choice(4, p=chances) for chances in softmax(true, axis=1)])
    return sharper * true, came


@pytest.mark.parametrize("sharper", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_planted_is_found(sharper: float) -> None:
    logits, came = drawn(6000, sharper)
    fitted = Temperature.fit(logits, came)
    assert fitted.temperature == pytest.approx(sharper, rel=0.08)
    np.testing.assert_allclose(fitted.probability(logits), softmax(logits / fitted.temperature, axis=1))


def test_too_few_rows_leave_a_distribution_as_it_is() -> None:
    logits, came = drawn(50, 3.0)
    fitted = Temperature.fit(logits, came)
    assert fitted.not_fitted_because == "50 validation rows, fewer than 200"
    np.testing.assert_allclose(fitted.probability(logits), softmax(logits, axis=1))
