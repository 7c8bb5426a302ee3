"""The multi-task profile model: events and numbers to one user embedding, and from it every head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.columns import ACTIONS
from userprofile.model.embeddings import DenseNormalisation, EventEmbedding
from userprofile.model.encoders import DenseTower, MaskedMean, sequence_encoder
from userprofile.model.fusion import FUSIONS
from userprofile.model.heads import TaskWeights, UserState
from userprofile.model.positions import LastState
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec

TASK_WEIGHTS = "task_weights"


class HeadOutputs(Protocol):
    """Of heads.head.Head what the network needs."""

    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        """By names of their own."""
        ...


def build_model(spec: FeatureSpec, heads: Sequence[HeadOutputs], *, settings: Mapping[str, Any]) -> keras.Model:
    """The network of `spec`, saved and loaded as a `.keras` file with safe mode on.

    Settings: encoder, layers, heads, fusion, item_width, category_width, action_width, sequence_width, dense_width,
    embedding_width, dropout, task_weights.
    In, by name: dense float32 [B, D] with NaN for null; sequence_action (code + 1, 0 padding), sequence_item,
    sequence_category int32 [B, T]; sequence_age_days float32 [B, T]. Out: embedding [B, E], and what `heads` say.
    """
    inputs = model_inputs(spec)
    embedding, _ = body_of(spec, settings, inputs)
    user = UserState(embedding, inputs, _present(inputs))
    outputs = {"embedding": user.embedding}
    for head in heads:
        outputs |= head.outputs(user, spec)
    if settings["task_weights"] == "uncertainty":
        outputs[TASK_WEIGHTS] = TaskWeights(len(heads), name=TASK_WEIGHTS)(user.embedding)
    return keras.Model(inputs, outputs, name="profile_model")


def body_of(
    spec: FeatureSpec, settings: Mapping[str, Any], inputs: Mapping[str, KerasTensor]
) -> tuple[KerasTensor, KerasTensor]:
    """What heads stand on: the user's embedding [B, E], and the state after each event [B, T, W]."""
    present = _present(inputs)
    events, states = _of_events(spec, settings, inputs, present)
    parts = [
        LastState(name="last_event")(states, present),
        MaskedMean(name="mean_event")(events, present),
        _of_numbers(spec, settings, inputs),
    ]
    fusion = FUSIONS[settings["fusion"]](settings["embedding_width"], settings["dropout"], name="embedding")
    return fusion(parts), states


def event_tables(model: keras.Model) -> dict[str, np.ndarray]:
    """What a network learnt of item [I, item_width] and category [C, category_width], by vocabulary index."""
    item, category, *_ = model.get_layer("event").tables
    return {"item": item.embeddings.numpy(), "category": category.embeddings.numpy()}


def _present(inputs: Mapping[str, KerasTensor]) -> KerasTensor:
    """bool [B, T]."""
    return ops.not_equal(inputs["sequence_action"], 0)


def _of_events(
    spec: FeatureSpec, settings: Mapping[str, Any], inputs: Mapping[str, KerasTensor], present: KerasTensor
) -> tuple[KerasTensor, KerasTensor]:
    """Events [B, T, F], and the states after them [B, T, W]."""
    events = _event_embedding(spec, settings)(
        inputs["sequence_item"],
        inputs["sequence_category"],
        inputs["sequence_action"],
        inputs["sequence_age_days"],
        present,
    )  # [B, T, F]
    history = sequence_encoder(
        settings["encoder"],
        longest=spec.sequence_length,
        width=settings["sequence_width"],
        layers=settings["layers"],
        heads=settings["heads"],
        dropout=settings["dropout"],
        name="history",
    )
    return events, history(events, present, inputs["sequence_age_days"])


def _of_numbers(spec: FeatureSpec, settings: Mapping[str, Any], inputs: Mapping[str, KerasTensor]) -> KerasTensor:
    tower = DenseTower(settings["dense_width"], settings["dropout"], name="dense_tower")
    return tower(_normalisation(spec)(inputs["dense"]))


def model_inputs(spec: FeatureSpec) -> dict[str, KerasTensor]:
    """The feature part of a batch; whatever else a batch holds is label or weight."""
    length = spec.sequence_length
    return {
        "dense": keras.Input((len(spec.dense),), name="dense", dtype="float32"),
        "sequence_action": keras.Input((length,), name="sequence_action", dtype="int32"),
        "sequence_item": keras.Input((length,), name="sequence_item", dtype="int32"),
        "sequence_category": keras.Input((length,), name="sequence_category", dtype="int32"),
        "sequence_age_days": keras.Input((length,), name="sequence_age_days", dtype="float32"),
    }


def _event_embedding(spec: FeatureSpec, settings: Mapping[str, Any]) -> EventEmbedding:
    known = (len(spec.item_vocabulary), len(spec.category_vocabulary))
    return EventEmbedding(
        rows=[*(FIRST_KNOWN_INDEX + count for count in known), 1 + len(ACTIONS)],
        widths=[settings["item_width"], settings["category_width"], settings["action_width"]],
        name="event",
    )


def _normalisation(spec: FeatureSpec) -> DenseNormalisation:
    return DenseNormalisation(
        means=[feature.mean for feature in spec.dense],
        scales=[feature.scale for feature in spec.dense],
        logarithms=[feature.logarithm for feature in spec.dense],
        name="dense_normalisation",
    )
