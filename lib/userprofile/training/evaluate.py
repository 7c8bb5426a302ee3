"""How good a model is on a split that it did not learn from. TensorFlow comes in with the model, not with this file."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any

import numpy as np

from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import Form, batches
from userprofile.model.metrics import binary_metrics, ranking_metrics, spend_metrics
from userprofile.tables.row_groups import row_groups
from userprofile.training.request import TrainingRequest

Predictions = dict[str, np.ndarray]

# One number a row: what calibration is fitted on. The rest is too wide to keep.
SCALARS = ("purchase_logit", "spend_log1p", "label_purchase", "label_spend")


def predict(
    model: Any,
    request: TrainingRequest,
    split: str,
    form: Form,
    *,
    inputs: Sequence[str],
    labels: Sequence[str],
    beat: Callable[[int], None] = lambda batches: None,
) -> Predictions:
    """The model's outputs beside the labels, [rows, ...] each, for every row of the split, in the order of its row
    groups; empty without rows.
    """
    groups = list(starmap(RowGroup, row_groups(request.table, request.version, partition={"split": split})))
    rows = request.batch_rows
    plan = plan_pass(groups, shards=1, batch_rows=rows, shuffle=None, buffer_rows=rows)
    parts: list[Predictions] = []
    for number, batch in enumerate(batches(plan, (0,), form), start=1):
        outputs = model.predict_on_batch({key: batch[key] for key in inputs})
        real = batch["weight"] > 0
        columns = {**outputs, **{key: batch[key] for key in labels}}
        parts.append({name: np.asarray(values)[real] for name, values in columns.items()})
        beat(number)
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


def metrics(predictions: Predictions) -> dict[str, Any]:
    """Per head its measures, and the number of rows; a head that the model lacks, or a split without rows, has none.

    The spend that is judged is the expected one: chance to buy times the amount of a buyer.
    """
    if not predictions:
        return {"rows": 0}
    chance = probability(predictions["purchase_logit"])
    expected = chance * np.expm1(predictions["spend_log1p"].astype(np.float64))
    measures: dict[str, Any] = {
        "rows": len(chance),
        "purchase": binary_metrics(predictions["label_purchase"], chance),
        "spend": spend_metrics(predictions["label_spend"], np.maximum(expected, 0)),
    }
    if "category_logits" in predictions:
        ranked = ranking_metrics(predictions["label_next_categories"], predictions["category_logits"])
        measures["next_categories"] = ranked
    return measures


def probability(logit: np.ndarray) -> np.ndarray:
    """The logistic function in double precision; 0.5 at 0. The tanh form does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logit.astype(np.float64)))


def packed(predictions: Predictions) -> bytes:
    """The SCALARS of predictions as the bytes of a .npz file."""
    buffer = io.BytesIO()
    kept: dict[str, Any] = {name: predictions[name] for name in SCALARS if name in predictions}
    np.savez_compressed(buffer, **kept)
    return buffer.getvalue()


def unpacked(content: bytes) -> Predictions:
    """What `packed` was given."""
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)
