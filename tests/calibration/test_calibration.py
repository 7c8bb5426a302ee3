from __future__ import annotations

import numpy as np
import pytest

from userprofile.calibration.calibration import Calibration, calibration_metrics
from userprofile.calibration.platt import PlattScaling
from userprofile.calibration.spend import SpendCorrection
from userprofile.errors import UsageError


def predictions(rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(12)
    logit = random.normal(0, 2, rows)
    bought = random.random(rows) < 1 / (1 + np.exp(-logit / 2))
    return {
        "purchase_logit": logit.astype(np.float32),
        "spend_log1p": random.normal(7, 0.1, rows).astype(np.float32),
        "label_purchase": bought.astype(np.float32),
        "label_spend": (bought * 3000).astype(np.float32),
    }


def test_a_calibration_survives_its_json() -> None:
    calibration = Calibration(PlattScaling(1 / 3, -0.1), SpendCorrection(not_fitted_because="5 validation rows"))
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize("text", ["", "{}", '{"purchase": {"tilt": 1}, "spend": {}}'])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a calibration"):
        Calibration.from_json(text)


def test_both_are_mended_together_and_measured() -> None:
    rows = predictions(5000)
    measured = calibration_metrics(Calibration.fit(rows), rows)
    before, after = (measured[f"expected_calibration_error_{moment}"] or 0.0 for moment in ("before", "after"))
    assert after < 0.03 < before
    assert measured["spend_ratio_after"] == pytest.approx(1)
    assert measured["spend_ratio_before"] == pytest.approx(1100 / 3000, rel=0.1)


def test_without_validation_rows_nothing_is_fitted() -> None:
    assert Calibration.fit({}).purchase.not_fitted_because.startswith("0 validation rows")
