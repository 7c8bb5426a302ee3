"""All corrections of one model, as they are stored beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from userprofile.calibration.error import expected_calibration_error
from userprofile.calibration.platt import PlattScaling
from userprofile.calibration.spend import SpendCorrection
from userprofile.errors import UsageError


@dataclass(frozen=True)
class Calibration:
    """What turns the network's outputs into a purchase probability and an expected spend."""

    purchase: PlattScaling = field(default_factory=PlattScaling)
    spend: SpendCorrection = field(default_factory=SpendCorrection)

    @classmethod
    def fit(cls, validation: Mapping[str, np.ndarray]) -> Calibration:
        """Reads purchase_logit, spend_log1p, label_purchase, label_spend, [rows] each; none without rows."""
        logit, log1p, bought, spent = (
            np.asarray(validation.get(name, ()), dtype=np.float64)
            for name in ("purchase_logit", "spend_log1p", "label_purchase", "label_spend")
        )
        purchase = PlattScaling.fit(logit, bought)
        return cls(purchase, SpendCorrection.fit(log1p, purchase.probability(logit), spent))

    def purchase_probability(self, purchase_logit: np.ndarray) -> np.ndarray:
        """float64 [rows], in [0, 1]."""
        return self.purchase.probability(purchase_logit)

    def expected_spend(self, purchase_logit: np.ndarray, spend_log1p: np.ndarray) -> np.ndarray:
        """float64 [rows], minor units, >= 0."""
        return self.spend.expected(spend_log1p, self.purchase.probability(purchase_logit))

    def to_json(self) -> str:
        """Keys sorted: the same calibration is the same text."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises UsageError when the text is no calibration."""
        try:
            fields = json.loads(text)
            return cls(PlattScaling(**fields["purchase"]), SpendCorrection(**fields["spend"]))
        except (ValueError, KeyError, TypeError) as reason:
            raise UsageError(
                "calibration.json is not a calibration",
                expected="the fields of Calibration",
                received=str(reason),
                fix="make train_model",
            ) from reason


def calibration_metrics(calibration: Calibration, predictions: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Expected calibration error of the purchase probability, and predicted / actual total spend, before and after.

    1 is a total that comes out right; None where it is undefined. `predictions` as for Calibration.fit.
    """
    measures: dict[str, float | None] = {}
    for moment, judged in (("before", Calibration()), ("after", calibration)):
        chance = judged.purchase_probability(predictions["purchase_logit"])
        predicted = judged.expected_spend(predictions["purchase_logit"], predictions["spend_log1p"]).sum()
        spent = float(predictions["label_spend"].sum())
        error = expected_calibration_error(predictions["label_purchase"], chance)
        measures[f"expected_calibration_error_{moment}"] = error
        measures[f"spend_ratio_{moment}"] = float(predicted) / spent if spent > 0 else None
    return measures
