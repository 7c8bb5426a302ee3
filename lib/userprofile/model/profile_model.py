"""The multi-task profile model: events and numbers to one user embedding, and from it every head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.channels import channel_key
from userprofile.columns import ACTIONS
from userprofile.model.embeddings import DenseNormalisation, EventEmbedding, QuantileNormalisation
from userprofile.model.encoders import DenseTower, history_summary, sequence_encoder
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


def build_model(
    spec: FeatureSpec,
    heads: Sequence[HeadOutputs],
    *,
    settings: Mapping[str, Any],
    item_table: keras.layers.Layer | None = None,
) -> keras.Model:
    """The network of `spec`, saved and loaded as a `.keras` file with safe mode on, unless an `item_table` is given.

    Settings: encoder, summary, layers, heads, fusion, item_width, category_width, action_width, channel_width,
    sequence_width, dense_width, embedding_width, dropout, task_weights.
    In, by name: dense float32 [B, D] with NaN for null; sequence_action (code + 1, 0 padding), sequence_item,
    sequence_category and sequence_<channel> int32 [B, T]; sequence_age_days float32 [B, T]; habit_item and
    habit_category int32, habit_age_days float32 [B, K]. Out: embedding [B, E], and what `heads` say.
    """
    inputs = model_inputs(spec)
    present = present_of(inputs)
    events, states = encoded_events(spec, settings, inputs, item_table)
    parts = [
        LastState(name="last_event")(states, present),
        history_summary(
            settings["summary"], width=settings["sequence_width"], heads=settings["heads"], name="whole_history"
        )(events, present),
        _of_numbers(spec, settings, inputs),
    ]
    fusion = FUSIONS[settings["fusion"]](settings["embedding_width"], settings["dropout"], name="embedding")
    user = UserState(fusion(parts), inputs, present)
    outputs = {"embedding": user.embedding}
    for head in heads:
        outputs |= head.outputs(user, spec)
    if settings["task_weights"] == "uncertainty":
        outputs[TASK_WEIGHTS] = TaskWeights(len(heads), name=TASK_WEIGHTS)(user.embedding)
    return keras.Model(inputs, outputs, name="profile_model")


def event_tables(model: keras.Model) -> dict[str, np.ndarray]:
    """What a network learnt of item [I, item_width] and category [C, category_width], by vocabulary index."""
    item, category, *_ = model.get_layer("event").tables
    return {"item": item.embeddings.numpy(), "category": category.embeddings.numpy()}


def present_of(inputs: Mapping[str, KerasTensor]) -> KerasTensor:
    """bool [B, T]."""
    return ops.not_equal(inputs["sequence_action"], 0)


def encoded_events(
    spec: FeatureSpec,
    settings: Mapping[str, Any],
    inputs: Mapping[str, KerasTensor],
    item_table: keras.layers.Layer | None = None,
) -> tuple[KerasTensor, KerasTensor]:
    """A user's events [B, T, F], and the states after them [B, T, W]."""
    present = present_of(inputs)
    names = ("item", "category", "action", *spec.channels)
    indices = [inputs[channel_key(name)] for name in names]
    events = _event_embedding(spec, settings, item_table)(indices, inputs["sequence_age_days"], present)  # [B, T, F]
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
        **{key: keras.Input((length,), name=key, dtype="int32") for key in map(channel_key, spec.channels)},
        **{
            f"habit_{name}": keras.Input((spec.habit_length,), name=f"habit_{name}", dtype=dtype)
            for name, dtype in (("item", "int32"), ("category", "int32"), ("age_days", "float32"))
        },
    }


def _event_embedding(
    spec: FeatureSpec, settings: Mapping[str, Any], item_table: keras.layers.Layer | None
) -> EventEmbedding:
    widths = [settings[f"{name}_width"] for name in ("item", "category", "action")]
    return EventEmbedding(
        rows=[
            spec.item_indices,
            FIRST_KNOWN_INDEX + len(spec.category_vocabulary),
            1 + len(ACTIONS),
            *(FIRST_KNOWN_INDEX + len(codes) for codes in spec.channels.values()),
        ],
        widths=widths + [settings["channel_width"]] * len(spec.channels),
        item_table=item_table,
        name="event",
    )


def _normalisation(spec: FeatureSpec) -> keras.layers.Layer:
    if any(feature.knots for feature in spec.dense):
        knots, levels = ([getattr(feature, name) for feature in spec.dense] for name in ("knots", "levels"))
        return QuantileNormalisation(knots, levels, name="dense_normalisation")
    return DenseNormalisation(
        means=[feature.mean for feature in spec.dense],
        scales=[feature.scale for feature in spec.dense],
        logarithms=[feature.logarithm for feature in spec.dense],
        name="dense_normalisation",
    )
