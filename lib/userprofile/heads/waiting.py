"""When a user will buy next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit

from userprofile.baselines.cross_fit import log_odds
from userprofile.baselines.rung import Fit
from userprofile.baselines.waiting import WaitingByRecency, WaitingCurve
from userprofile.calibration.curve import curve_of, fitted_curve
from userprofile.heads.head import Arrays, Head, Json, LadderSettings, Tensors, Words, mean_of
from userprofile.model.metrics import Metrics, concordance
from userprofile.numbers import dense_values
from userprofile.spec import FeatureSpec

# Of one length, that the label window is cut into.
INTERVALS = 10

LABEL, INTERVAL = "label_days_to_purchase", "label_purchase_interval"
LEAST_PROBABILITY = 1e-6


class DaysToPurchase(Head):
    """The hazard of a first purchase in each interval of the label window, by which a time that is censored counts."""

    name, by, label_names = "days_to_purchase", ("log_loss",), (INTERVAL,)

    def labels(self) -> dict[str, pa.DataType]:
        return {LABEL: pa.float64()}

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        return "nobody buys in the training rows" if train[LABEL].null_count == train.num_rows else ""

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        """The interval in which the first purchase came, INTERVALS where none did."""
        days = dense_values(table[LABEL])
        interval = np.searchsorted(_ends(spec), np.nan_to_num(days, nan=np.inf), side="right")
        return {INTERVAL: interval.astype(np.int32)}

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        from userprofile.model.heads import VectorHead

        return {"hazard_logits": VectorHead(INTERVALS, name="hazard_logits")(user.embedding)}

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import hazard_loss

        return hazard_loss(outputs["hazard_logits"], batch[INTERVAL])

    def output_names(self) -> tuple[str, ...]:
        return ("hazard_logits",)

    def explained(self, outputs: Tensors, place: Any) -> Any:
        from userprofile.model.explained import intervals_waited

        return intervals_waited(outputs["hazard_logits"])

    def explained_of_raw(self, raw: np.ndarray) -> np.ndarray:
        return np.cumprod(1 - expit(raw), axis=1).sum(axis=1)

    def raw(self, outputs: Arrays) -> np.ndarray:
        """Log-odds of the hazards."""
        return outputs["hazard_logits"].astype(np.float64)

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        before = np.concatenate([np.zeros((len(said), 1)), said[:, :-1]], axis=1)
        return log_odds((said - before) / np.maximum(1 - before, LEAST_PROBABILITY))

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        """One curve for the hazards of all intervals."""
        interval = labels[INTERVAL][:, None]
        at_risk = np.arange(INTERVALS) <= interval
        came = (np.arange(INTERVALS) == interval)[at_risk]
        return fitted_curve(raw[at_risk], came.astype(np.float64), np.nonzero(at_risk)[0])

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        """[rows, K] probability of a purchase by the end of each interval."""
        return 1 - np.cumprod(1 - curve_of(calibration).probability(raw), axis=1)

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        interval, rows = labels[INTERVAL], np.arange(len(predicted))
        by_then = np.concatenate([np.zeros((len(rows), 1)), predicted, np.ones((len(rows), 1))], axis=1)
        likelihood = by_then[rows, interval + 1] - by_then[rows, interval]
        return {
            "log_loss": -np.log(np.maximum(likelihood, LEAST_PROBABILITY)),
            "interval": interval.astype(np.float64),
            "expected_interval": INTERVALS - predicted.sum(axis=1),
        }

    def metrics(self, judgement: Arrays) -> Metrics:
        interval, expected = judgement["interval"], judgement["expected_interval"]
        return {"log_loss": mean_of(judgement, "log_loss"), "concordance": concordance(interval, expected)}

    def claims(self, labels: Arrays, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Of each interval's end, that the user has bought by then."""
        bought = labels[INTERVAL][:, None] <= np.arange(INTERVALS)
        return bought.ravel().astype(np.float64), predicted.ravel()

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        ends = tuple(_ends(spec).tolist())
        ladder: dict[str, Fit] = {"waiting_curve": partial(WaitingCurve.fit, ends=ends)}
        if "days_since_purchase" in settings.features:
            ladder["recency_rule"] = partial(WaitingByRecency.fit, ends=ends)
        return ladder

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        """The day by which half of such users have bought; null where that is beyond the label window."""
        gap, horizon = spec.window_days
        before = np.concatenate([np.zeros((len(predicted), 1)), predicted], axis=1)  # [rows, K + 1]
        interval = np.minimum((predicted < 0.5).sum(axis=1), INTERVALS - 1)
        rows_ = np.arange(len(predicted))
        start, end = before[rows_, interval], before[rows_, interval + 1]
        within = (0.5 - start) / np.maximum(end - start, LEAST_PROBABILITY)
        median = gap + horizon / INTERVALS * (interval + within)
        return {self.name: pa.array(median, mask=predicted[:, -1] < 0.5)}


def _ends(spec: FeatureSpec) -> np.ndarray:
    """[K] days from the as-of instant at which the intervals end."""
    gap, horizon = spec.window_days
    return gap + horizon / INTERVALS * np.arange(1, INTERVALS + 1)
