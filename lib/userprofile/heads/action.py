"""What a user does next, and what they do at all in the label window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userprofile.baselines.actions import ActionHabits, ActionMarkov, ActionRates, ActionShares
from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.cross_fit import log_odds
from userprofile.baselines.rung import Fit
from userprofile.calibration.curve import curve_of, fitted_curve
from userprofile.calibration.temperature import Temperature
from userprofile.columns import ACTIONS
from userprofile.feed.lists import multi_hot
from userprofile.heads.head import Arrays, HeadOfClasses, Json, LadderSettings, Tensors, Words, mean_of, named_scores
from userprofile.model.metrics import Metrics
from userprofile.spec import FeatureSpec, places_of

NAMES = dict(enumerate(ACTIONS))

# Of what never happens: its logarithm stays finite.
LEAST_PROBABILITY = 1e-6


class _Actions(HeadOfClasses):
    by = ("log_loss",)

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        if len(classes) > 1:
            return ""
        return f"all training rows have the {self.label_names[0]} {NAMES[classes[0]]}" if classes else "nobody acts"

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        from userprofile.model.heads import VectorHead

        (name,) = self.output_names()
        return {name: VectorHead(len(spec.heads[self.name]), name=name)(user.embedding)}

    def raw(self, outputs: Arrays) -> np.ndarray:
        return outputs[self.output_names()[0]].astype(np.float64)

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        """Every action that training rows had, likeliest first."""
        order = np.argsort(-predicted, axis=1, kind="stable")
        codes = np.array(spec.heads[self.name])[order]
        return {self.name: named_scores(codes, np.take_along_axis(predicted, order, axis=1), NAMES)}


class NextAction(_Actions):
    """The action of the first event in the label window, of a user who does anything: a distribution."""

    name, label_names = "next_action", ("label_next_action",)

    def labels(self) -> dict[str, pa.DataType]:
        return {"label_next_action": pa.int8()}

    def classes(self, train: pa.Table, spec: FeatureSpec, *, most: int) -> tuple[int, ...]:
        return tuple(sorted(train["label_next_action"].drop_null().unique().to_pylist()))

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        """Places among the classes; -1 for none, or an action that no training row had."""
        codes = pc.fill_null(table["label_next_action"], -1).to_numpy()
        return {"label_next_action": places_of(codes, spec.heads[self.name]).astype(np.int32)}

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import class_loss

        return class_loss(outputs["next_action_logits"], batch["label_next_action"])

    def output_names(self) -> tuple[str, ...]:
        return ("next_action_logits",)

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(said, LEAST_PROBABILITY))

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        came = labels["label_next_action"]
        return asdict(Temperature.fit(raw[came >= 0], came[came >= 0]))

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        """[rows, A] probabilities."""
        return Temperature(**calibration).probability(raw)

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        came = labels["label_next_action"]
        likelihood = predicted[np.arange(len(came)), np.maximum(came, 0)]
        log_loss = -np.log(np.maximum(likelihood, LEAST_PROBABILITY))
        right = (predicted.argmax(axis=1) == came).astype(np.float64)
        return {
            "log_loss": np.where(came >= 0, log_loss, np.nan),
            "accuracy": np.where(came >= 0, right, np.nan),
        }

    def metrics(self, judgement: Arrays) -> Metrics:
        return {name: mean_of(judgement, name) for name in ("log_loss", "accuracy")}

    def claims(self, labels: Arrays, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        came = labels["label_next_action"]
        known = came >= 0
        return np.eye(predicted.shape[1])[came[known]].ravel(), predicted[known].ravel()

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        classes = spec.heads[self.name]
        ladder: dict[str, Fit] = {
            "base_rate": partial(ActionRates.fit, classes=classes),
            "markov_chain": partial(ActionMarkov.fit, classes=classes),
        }
        if settings.features:
            ladder["lightgbm"] = partial(_trees, classes=classes, features=tuple(settings.features), seed=settings.seed)
        return ladder

    def learnt_from(self, train: pa.Table) -> pa.Table:
        return train.filter(train["label_next_action"].is_valid())


def _trees(train: pa.Table, *, classes: Sequence[int], features: Sequence[str], seed: int) -> BoostedTrees:
    place = places_of(train["label_next_action"].to_numpy(), classes)
    rows = train.append_column("place", pa.array(place))
    return BoostedTrees.fit(
        rows, features=features, label="place", objective="multiclass", seed=seed, models=1, classes=len(classes)
    )


class WindowActions(_Actions):
    """Which actions come in the label window at all, each with its own probability."""

    name, label_names = "window_actions", ("label_window_actions",)

    def labels(self) -> dict[str, pa.DataType]:
        return {"label_window_actions": pa.list_(pa.int8())}

    def classes(self, train: pa.Table, spec: FeatureSpec, *, most: int) -> tuple[int, ...]:
        return tuple(sorted(pc.unique(pc.list_flatten(train["label_window_actions"])).to_pylist()))

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        return {"label_window_actions": multi_hot(table["label_window_actions"], spec.heads[self.name])}

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import many_binary_loss

        return many_binary_loss(outputs["window_action_logits"], batch["label_window_actions"])

    def output_names(self) -> tuple[str, ...]:
        return ("window_action_logits",)

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        return log_odds(said)

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        """One curve for all actions."""
        row = np.repeat(np.arange(len(raw)), raw.shape[1])
        return fitted_curve(raw.ravel(), labels["label_window_actions"].ravel(), row)

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        """[rows, A] probabilities."""
        return curve_of(calibration).probability(raw)

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        came = labels["label_window_actions"]
        said = np.clip(np.where(came > 0, predicted, 1 - predicted), LEAST_PROBABILITY, 1)
        return {"log_loss": -np.log(said).mean(axis=1)}

    def metrics(self, judgement: Arrays) -> Metrics:
        return {"log_loss": mean_of(judgement, "log_loss")}

    def claims(self, labels: Arrays, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        return labels["label_window_actions"].ravel(), predicted.ravel()

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        classes = spec.heads[self.name]
        return {
            "base_rate": partial(ActionShares.fit, classes=classes),
            "own_counts": partial(ActionHabits.fit, classes=classes),
        }
