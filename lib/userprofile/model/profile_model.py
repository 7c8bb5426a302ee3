"""The multi-task profile model: events and numbers to one user embedding, and from it every head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.columns import ACTIONS
from userprofile.model.embeddings import DenseNormalisation, EventEmbedding
from userprofile.model.encoders import DenseTower, IndexCounts, MaskedMean, sequence_encoder
from userprofile.model.fusion import ConcatFusion
from userprofile.model.heads import profile_heads
from userprofile.model.positions import LastState
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec, vocabulary_index


def build_model(spec: FeatureSpec, *, settings: Mapping[str, Any]) -> keras.Model:
    """The network of `spec`, saved and loaded as a `.keras` file with safe mode on.

    Settings: encoder, layers, heads, item_width, category_width, action_width, sequence_width, dense_width,
    embedding_width, dropout.
    In, by name: dense float32 [B, D] with NaN for null; sequence_action (code + 1, 0 padding), sequence_item,
    sequence_category int32 [B, T]; sequence_age_days float32 [B, T]. Out: embedding [B, E], purchase_logit [B],
    spend_log1p [B], and category_logits [B, C] unless the spec has no label categories.
    """
    inputs = model_inputs(spec)
    dropout = settings["dropout"]
    present = ops.not_equal(inputs["sequence_action"], 0)  # [B, T]
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
        dropout=dropout,
        name="history",
    )
    parts = [
        LastState(name="last_event")(history(events, present, inputs["sequence_age_days"]), present),
        MaskedMean(name="mean_event")(events, present),
        DenseTower(settings["dense_width"], dropout, name="dense_tower")(_normalisation(spec)(inputs["dense"])),
    ]
    embedding = ConcatFusion(settings["embedding_width"], dropout, name="embedding")(parts)
    counts = _label_counts(spec)(inputs["sequence_category"], present)  # [B, C]
    heads = profile_heads(embedding, label_counts=counts, categories=len(spec.label_categories))
    return keras.Model(inputs, {"embedding": embedding, **heads}, name="profile_model")


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


def _label_counts(spec: FeatureSpec) -> IndexCounts:
    """Of each label category; one that no sequence of the training rows had shares the unknown index with others."""
    counted = vocabulary_index(np.array(spec.label_categories, np.int64), spec.category_vocabulary)
    size = FIRST_KNOWN_INDEX + len(spec.category_vocabulary)
    return IndexCounts(counted.tolist(), size, name="label_counts")


def _normalisation(spec: FeatureSpec) -> DenseNormalisation:
    return DenseNormalisation(
        means=[feature.mean for feature in spec.dense],
        scales=[feature.scale for feature in spec.dense],
        logarithms=[feature.logarithm for feature in spec.dense],
        name="dense_normalisation",
    )
