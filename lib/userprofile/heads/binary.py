"""Whether a user will do something: buy, leave, or be a case of risk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.btyd import BgNbdPurchase
from userprofile.baselines.cross_fit import log_odds
from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.baselines.regression import RFM, RfmLogistic
from userprofile.baselines.rung import Fit
from userprofile.calibration.curve import curve_of, fitted_curve
from userprofile.heads.head import Arrays, Head, Json, LadderSettings, Tensors, Words
from userprofile.model.metrics import Metrics, binary_metrics
from userprofile.numbers import dense_values
from userprofile.spec import FeatureSpec


class _Binary(Head):
    by, decides = ("auc", "log_loss"), True
    logit: str

    @property
    def label(self) -> str:
        """Its column and its array."""
        return self.label_names[0]

    @property
    def column(self) -> str:
        return f"{self.name}_probability"

    def labels(self) -> dict[str, pa.DataType]:
        return {self.label: pa.int8()}

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        found = train[self.label].drop_null().unique().to_pylist()
        return "" if len(found) == 2 else f"of all training rows {self.label} is {found[0] if found else 'null'}"

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        return {self.label: dense_values(table[self.label]).astype(np.float32)}

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        # Here and not above, as in every head: a Spark driver must not load TensorFlow.
        from userprofile.model.heads import ScalarHead

        return {self.logit: ScalarHead(name=self.logit)(user.embedding)}

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import binary_loss

        return binary_loss(outputs[self.logit], batch[self.label])

    def output_names(self) -> tuple[str, ...]:
        return (self.logit,)

    def explained(self, outputs: Tensors, place: Any) -> Any:
        return outputs[self.logit]

    def raw(self, outputs: Arrays) -> np.ndarray:
        """Log-odds."""
        return outputs[self.logit].astype(np.float64)

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        return log_odds(said)

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        known = ~np.isnan(labels[self.label])
        return fitted_curve(raw[known], labels[self.label][known], np.flatnonzero(known))

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        """Probabilities."""
        return curve_of(calibration).probability(raw)

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        label = labels[self.label].astype(np.float64)
        return {"label": label, "predicted": np.where(np.isnan(label), np.nan, predicted)}

    def metrics(self, judgement: Arrays) -> Metrics:
        known = ~np.isnan(judgement["label"])
        label, predicted = judgement["label"][known], judgement["predicted"][known]
        return binary_metrics(label, predicted)

    def claims(self, labels: Arrays, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        known = ~np.isnan(labels[self.label])
        return labels[self.label][known], predicted[known]

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        gap, horizon = spec.window_days
        has = set(settings.features)
        rungs: dict[str, tuple[bool, Fit]] = {
            "base_rate": (True, partial(BaseRate.fit, label=self.label)),
            "recency_rule": ("days_since_purchase" in has, partial(RecencyRule.fit, label=self.label)),
            "rfm_logistic": (has >= set(RFM), partial(RfmLogistic.fit, label=self.label)),
            "lightgbm": (bool(has), self._trees(settings)),
            "bg_nbd": (
                self.label == "label_purchase" and "btyd_age_days" in has,
                partial(BgNbdPurchase.fit, label=self.label, gap_days=gap, horizon_days=horizon),
            ),
        }
        return {name: fit for name, (can, fit) in rungs.items() if can}

    def _trees(self, settings: LadderSettings) -> Fit:
        return partial(
            BoostedTrees.fit,
            features=settings.features,
            label=self.label,
            objective="binary",
            seed=settings.seed,
            models=1,
        )

    def learnt_from(self, train: pa.Table) -> pa.Table:
        return train.filter(train[self.label].is_valid())


class Purchase(_Binary):
    """Whether the user buys in the label window."""

    name, logit, label_names = "purchase", "purchase_logit", ("label_purchase",)

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        return {self.column: predicted}


class Churn(_Binary):
    """Whether a user who bought of late leaves: buys nothing in the label window."""

    name, logit, label_names = "churn", "churn_logit", ("label_churn",)

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        """Null for who did not buy of late: who was not active cannot leave."""
        can_leave = dense_values(rows["days_since_purchase"]) <= spec.churn_active_days
        return {self.column: pa.array(predicted, mask=~can_leave)}


class Risk(_Binary):
    """Whether an event comes in the label window that the log calls fraud, a chargeback or abuse."""

    name, logit, label_names = "risk", "risk_logit", ("label_risk",)

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        """A log that tells of none is told apart from one without a case."""
        untold = train[self.label].null_count == train.num_rows
        return "the log does not say which events are a risk" if untold else super().unlearnable(train, classes)

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        return {self.column: predicted}
