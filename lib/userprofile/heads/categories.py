"""In which categories a user will buy, and how likely in each: the intent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit, log_softmax

from userprofile.baselines.ladder_of_sets import ladder_of_sets
from userprofile.baselines.rung import Fit
from userprofile.baselines.sets import OF_THE_REST
from userprofile.calibration.curve import curve_of, fitted_curve
from userprofile.feed.lists import multi_hot
from userprofile.heads.head import Arrays, HeadOfClasses, Json, LadderSettings, Tensors, Words, mean_of, named_scores
from userprofile.model.metrics import RANKING, Metrics, ranking_of_rows
from userprofile.spec import FeatureSpec, frequent

CATEGORIES_KEPT = 10

LABEL = "label_next_categories"


class NextCategories(HeadOfClasses):
    """The categories of what a user buys in the label window.

    Their order comes from a softmax, in which they compete; the intent of one is a curve of its share and of the chance
    that the user buys at all.
    """

    name, by, label_names = "next_categories", ("ndcg@10",), (LABEL,)

    def labels(self) -> dict[str, pa.DataType]:
        return {LABEL: pa.list_(pa.int32())}

    def classes(self, train: pa.Table, spec: FeatureSpec, *, most: int) -> tuple[int, ...]:
        """The most frequent."""
        return frequent(train[LABEL], 1)[:most]

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        return "" if len(classes) > 1 else f"{len(classes)} categories are bought in the training rows"

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        return {LABEL: multi_hot(table[LABEL], spec.heads[self.name])}

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        from userprofile.model.encoders import counts_of_classes
        from userprofile.model.heads import HabitHead, ScalarHead

        classes = spec.heads[self.name]
        counts = counts_of_classes(
            user, "category", classes, vocabulary=spec.category_vocabulary, name="category_counts"
        )
        return {
            "category_logits": HabitHead(len(classes), name="category_logits")(user.embedding, counts),
            "category_chance_logit": ScalarHead(name="category_chance_logit")(user.embedding),
        }

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import any_of_shares_loss

        return any_of_shares_loss(outputs["category_chance_logit"], outputs["category_logits"], batch[LABEL])

    def output_names(self) -> tuple[str, ...]:
        return ("category_logits", "category_chance_logit")

    def raw(self, outputs: Arrays) -> np.ndarray:
        """Logarithm of the share times the chance that there is any."""
        shares = log_softmax(outputs["category_logits"].astype(np.float64), axis=1)
        return shares + np.log(expit(outputs["category_chance_logit"].astype(np.float64)))[:, None]

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        return np.log(said + OF_THE_REST * OF_THE_REST)

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        row = np.repeat(np.arange(len(raw)), raw.shape[1])
        return fitted_curve(raw.ravel(), labels[LABEL].ravel(), row)

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        """[rows, C] probability that the user buys in the category."""
        return curve_of(calibration).probability(raw)

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        return {**ranking_of_rows(labels[LABEL], predicted), "error": _errors(labels[LABEL], predicted)}

    def metrics(self, judgement: Arrays) -> Metrics:
        return {name: mean_of(judgement, name) for name in RANKING} | {"brier": mean_of(judgement, "error")}

    def claims(self, labels: Arrays, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        return labels[LABEL].ravel(), predicted.ravel()

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        level = spec.category_level
        return ladder_of_sets(
            label=LABEL,
            classes=spec.heads[self.name],
            sequence=spec.category_column,
            of_categories=f"sequence_category_{level - 1}" if level > 1 else "",
        )

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        """The likeliest, with their probabilities."""
        best = np.argsort(-predicted, axis=1, kind="stable")[:, :CATEGORIES_KEPT]
        codes = np.array(spec.heads[self.name])[best]
        scores = np.take_along_axis(predicted, best, axis=1)
        return {self.name: named_scores(codes, scores, words["category"])}


def _errors(label: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """[rows] mean squared error over categories."""
    return np.asarray(((predicted - label) ** 2).mean(axis=1))
