"""How much a user will spend in the label window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit

from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.btyd import BgNbdSpend
from userprofile.baselines.rung import Fit
from userprofile.baselines.spend import LastWindowSpend, MeanSpend
from userprofile.calibration.spend import SpendCorrection
from userprofile.heads.head import Arrays, Head, Json, LadderSettings, Tensors, Words
from userprofile.model.metrics import Metrics, spend_metrics
from userprofile.spec import FeatureSpec

LAST_WINDOW_COLUMN = "spend_30d"

# Minor units of an untrained head, as a logarithm: about 20.00 of a currency.
INITIAL = 7.6

# e**30 minor units is beyond any purse.
LARGEST_LOG = 30.0


class Spend(Head):
    """Expected spend: the chance of a purchase times the mean of a log-normal amount, exp(mean + deviation**2 / 2)."""

    name, by, label_names = "spend", ("mae",), ("label_spend",)

    @property
    def column(self) -> str:
        return "expected_spend"

    def labels(self) -> dict[str, pa.DataType]:
        return {"label_spend": pa.int64()}

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        return "" if pc.any(pc.greater(train["label_spend"], 0)).as_py() else "nobody spends in the training rows"

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        return {"label_spend": table["label_spend"].to_numpy().astype(np.float32)}

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        from userprofile.model.heads import AmountHead

        return AmountHead(INITIAL, name="spend")(user.embedding)

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import amount_loss

        logit, mean, deviation = (outputs[name] for name in self.output_names())
        return amount_loss(logit, mean, deviation, batch["label_spend"])

    def output_names(self) -> tuple[str, ...]:
        return ("spend_chance_logit", "spend_mean", "spend_deviation")

    def explained(self, outputs: Tensors, place: Any) -> Any:
        from userprofile.model.explained import log_of_amount

        return log_of_amount(*(outputs[name] for name in self.output_names()))

    def explained_of_raw(self, raw: np.ndarray) -> np.ndarray:
        return np.log1p(raw)

    def raw(self, outputs: Arrays) -> np.ndarray:
        """Expected minor units."""
        logit, mean, deviation = (outputs[name].astype(np.float64) for name in self.output_names())
        return expit(logit) * np.exp(np.clip(mean + deviation**2 / 2, 0, LARGEST_LOG))

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        return np.maximum(said, 0.0)

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        return asdict(SpendCorrection.fit(raw, labels["label_spend"]))

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        return SpendCorrection(**calibration).corrected(raw)

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        return {"label": labels["label_spend"].astype(np.float64), "predicted": predicted}

    def metrics(self, judgement: Arrays) -> Metrics:
        spent = judgement["label"].sum()
        ratio = float(judgement["predicted"].sum() / spent) if spent > 0 else None
        return {**spend_metrics(judgement["label"], judgement["predicted"]), "ratio_of_totals": ratio}

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        gap, horizon = spec.window_days
        ladder: dict[str, Fit] = {"mean_spend": MeanSpend.fit}
        if LAST_WINDOW_COLUMN in settings.features:
            ladder["last_window_spend"] = partial(LastWindowSpend.fit, column=LAST_WINDOW_COLUMN)
        if settings.features:
            ladder["lightgbm"] = partial(
                BoostedTrees.fit,
                features=settings.features,
                label="label_spend",
                objective="tweedie",
                seed=settings.seed,
                models=1,
            )
        if {"btyd_age_days", "btyd_monetary_value"} <= set(settings.features):
            ladder["bg_nbd_gamma_gamma"] = partial(
                BgNbdSpend.fit, label="label_spend", gap_days=gap, horizon_days=horizon
            )
        return ladder

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        return {self.column: np.rint(predicted).astype(np.int64)}
