"""How good a model is on a split that it did not learn from. TensorFlow comes in with the model, not with this file."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any

import numpy as np

from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import Form, batches
from userprofile.tables.row_groups import row_groups
from userprofile.training.request import TrainingRequest

Predictions = dict[str, np.ndarray]


def predict(
    model: Any,
    request: TrainingRequest,
    split: str,
    form: Form,
    *,
    inputs: Sequence[str],
    kept: Callable[[Predictions, Predictions], Predictions],
    beat: Callable[[int], None] = lambda batches: None,
) -> Predictions:
    """What is `kept` of the model's outputs and the batch, [rows, ...] each, for every row of the split, in the order
    of its row groups; empty without rows.
    """
    groups = list(starmap(RowGroup, row_groups(request.table, request.version, partition={"split": split})))
    rows = request.batch_rows
    plan = plan_pass(groups, shards=1, batch_rows=rows, shuffle=None, buffer_rows=rows)
    parts: list[Predictions] = []
    for number, batch in enumerate(batches(plan, (0,), form), start=1):
        outputs = model.predict_on_batch({key: batch[key] for key in inputs})
        real = batch["weight"] > 0
        told, given = ({name: np.asarray(v)[real] for name, v in arrays.items()} for arrays in (outputs, batch))
        parts.append(kept(told, given))
        beat(number)
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """As the bytes of a .npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpacked(content: bytes) -> Predictions:
    """What `packed` was given."""
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)
