"""Which items a user will buy first, and which they will meet at all in the label window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import softmax

from userprofile.baselines.ladder_of_sets import ladder_of_sets
from userprofile.baselines.rung import Fit, Rung
from userprofile.feed.lists import first_listed
from userprofile.heads.head import Arrays, HeadOfClasses, Json, LadderSettings, Tensors, Words, mean_of, named_scores
from userprofile.model.metrics import LISTED_RANKING, Metrics, listed_ranking_of_rows
from userprofile.spec import FeatureSpec

ITEMS_KEPT = 10


class _Items(HeadOfClasses):
    by = ("ndcg@10",)
    most_listed = 1  # items of a row that are learnt and judged by

    @property
    def label(self) -> str:
        """Its column and its array."""
        return self.label_names[0]

    def classes(self, train: pa.Table, spec: FeatureSpec, *, most: int) -> tuple[int, ...]:
        """Those of the spec's vocabulary."""
        return spec.item_vocabulary

    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        if len(classes) < 2:
            return f"{len(classes)} items are known from training rows"
        return "" if len(pc.list_flatten(self.listed(train))) else f"no training row has a {self.label}"

    def listed(self, table: pa.Table) -> pa.ChunkedArray:
        """The label as lists of codes."""
        return table[self.label]

    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        """int32 [rows, most_listed]: place + 1 of the first ones that are known, 0 for none."""
        return {self.label: first_listed(self.listed(table), spec.heads[self.name], self.most_listed)}

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        from userprofile.model.encoders import counts_of_classes
        from userprofile.model.heads import HabitHead

        (name,) = self.output_names()
        classes = spec.heads[self.name]
        counts = counts_of_classes(
            user,
            "item",
            classes,
            vocabulary=spec.item_vocabulary,
            buckets=spec.item_buckets,
            name=f"{self.name}_counts",
        )
        return {name: HabitHead(len(classes), name=name)(user.embedding, counts)}

    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        from userprofile.model.losses import listed_loss

        return listed_loss(outputs[self.output_names()[0]], batch[self.label])

    def output_names(self) -> tuple[str, ...]:
        return (f"{self.name}_logits",)

    def kept(self, outputs: Arrays, labels: Arrays) -> dict[str, np.ndarray]:
        """How good each row's order is: scores of all items would be too wide to keep."""
        judged = self.judgement(labels, outputs[self.output_names()[0]])
        return {f"{self.name}_{measure}": values for measure, values in judged.items()}

    def judgement_of_kept(self, kept: Arrays, calibration: Json) -> dict[str, np.ndarray]:
        return {measure: kept[f"{self.name}_{measure}"] for measure in LISTED_RANKING}

    def raw(self, outputs: Arrays) -> np.ndarray:
        """[rows, items] softmax."""
        return np.asarray(softmax(outputs[self.output_names()[0]], axis=1))

    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        return said

    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        """None: a score orders items, and claims no more."""
        return {}

    def calibration_of_kept(self, kept: Arrays) -> Json:
        return {}

    def calibration_of_rung(self, rung: Rung, validation: pa.Table, spec: FeatureSpec) -> Json:
        return {}

    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        return raw

    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        return listed_ranking_of_rows(labels[self.label], predicted)

    def metrics(self, judgement: Arrays) -> Metrics:
        return {name: mean_of(judgement, name) for name in LISTED_RANKING}

    def claims_of_kept(self, kept: Arrays, calibration: Json) -> tuple[np.ndarray, np.ndarray] | None:
        return None

    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        return ladder_of_sets(
            label=self.label,
            classes=spec.heads[self.name],
            sequence="sequence_item",
            of_categories=spec.category_column,
        )

    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        """The first ones, with their scores."""
        best = np.argsort(-predicted, axis=1, kind="stable")[:, :ITEMS_KEPT]
        codes = np.array(spec.heads[self.name])[best]
        scores = np.take_along_axis(predicted, best, axis=1)
        return {self.name: named_scores(codes, scores.astype(np.float64), words["item"])}


class NextItem(_Items):
    """The first item that the user buys in the label window."""

    name, label_names = "next_item", ("label_next_item",)

    def labels(self) -> dict[str, pa.DataType]:
        return {"label_next_item": pa.int32()}

    def listed(self, table: pa.Table) -> pa.ChunkedArray:
        codes = table["label_next_item"].combine_chunks()
        offsets = np.concatenate([[0], np.cumsum(codes.is_valid().to_numpy(zero_copy_only=False))]).astype(np.int32)
        return pa.chunked_array([pa.ListArray.from_arrays(offsets, codes.drop_null())])

    def learnt_from(self, train: pa.Table) -> pa.Table:
        """With the label as lists."""
        place = train.column_names.index(self.label)
        bought = train.set_column(place, self.label, self.listed(train))
        return bought.filter(pc.greater(pc.list_value_length(bought[self.label]), 0))


class WindowItems(_Items):
    """The items that the user meets by any action in the label window."""

    name, label_names = "window_items", ("label_window_items",)
    most_listed = 64

    def labels(self) -> dict[str, pa.DataType]:
        return {"label_window_items": pa.list_(pa.int32())}
