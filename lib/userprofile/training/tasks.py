"""What a training learns: which network, from which arrays, by which losses, and how it is judged.

A new task: its spec, which training/request.py reads, a class here, and its line in `task_of`. Loop, checkpoints, ranks
and guards know none of them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from userprofile.feed.examples import FEATURE_KEYS, LABEL_KEYS, ExampleForm
from userprofile.feed.histories import HISTORY_KEYS, HistoryForm, HistorySpec
from userprofile.feed.read import Form
from userprofile.model.losses import weighted_losses
from userprofile.model.metrics import NDCG
from userprofile.model.next_item import (
    STATE,
    build_next_item_model,
    gain_of_place,
    next_item_loss,
    scores_and_targets,
)
from userprofile.model.profile_model import build_model
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec
from userprofile.training.evaluate import metrics, packed, predict
from userprofile.training.item_vectors import item_vectors
from userprofile.training.progress import WEIGHT
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import EVALUATED_SPLITS, ITEMS, METRICS, PREDICTIONS

Batch = Mapping[str, tf.Tensor]
Losses = Mapping[str, float]
Judging = Callable[[str, int], None]  # the split, and how many batches of it are done


class Task(Protocol):
    """One kind of training."""

    def form(self) -> Form:
        """How rows become arrays."""

    def model(self) -> keras.Model:
        """A new network, whose weights the seed alone decides."""

    def sums(self, model: keras.Model, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Of each head the loss over rows that count, added up; and WEIGHT, how many there are. Where it is not for
        training, further measures by which `unfit` judges.
        """

    def unfit(self, validation: Losses) -> float:
        """How far from its best a network is, by means over validation rows; the least keeps its weights."""

    def judged(self, model: keras.Model, request: TrainingRequest, beat: Judging) -> dict[str, bytes]:
        """Files that say how good a trained network is, or what that takes."""


def task_of(request: TrainingRequest) -> Task:
    """The task that the request's spec is of."""
    if isinstance(request.spec, HistorySpec):
        return NextItem(request.spec, request.settings)
    return Profile(request.spec, request.settings)


@dataclass(frozen=True)
class Profile:
    """Every head of the profile, from gold.training_examples."""

    spec: FeatureSpec
    settings: Mapping[str, Any]

    def form(self) -> Form:
        return ExampleForm(self.spec)

    def model(self) -> keras.Model:
        return build_model(self.spec, settings=self.settings)

    def sums(self, model: keras.Model, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        outputs = model({key: batch[key] for key in FEATURE_KEYS}, training=training)
        return {WEIGHT: tf.reduce_sum(batch[WEIGHT]), **weighted_losses(outputs, batch)}

    def unfit(self, validation: Losses) -> float:
        return sum(validation.values())

    def judged(self, model: keras.Model, request: TrainingRequest, beat: Judging) -> dict[str, bytes]:
        """metrics.json, and the predictions that calibration needs."""
        files: dict[str, bytes] = {}
        measures: dict[str, Any] = {}
        for split in EVALUATED_SPLITS:
            predictions = predict(
                model, request, split, self.form(), inputs=FEATURE_KEYS, labels=LABEL_KEYS, beat=partial(beat, split)
            )
            measures[split] = metrics(predictions)
            files[PREDICTIONS.format(split)] = packed(predictions)
        return {METRICS: json.dumps(measures, indent=1).encode(), **files}


@dataclass(frozen=True)
class NextItem:
    """The item of the next event, after each event of gold.history_examples."""

    spec: HistorySpec
    settings: Mapping[str, Any]

    def form(self) -> Form:
        return HistoryForm(self.spec)

    def model(self) -> keras.Model:
        vectors = item_vectors(self.spec) if self.spec.vectors else None
        return build_next_item_model(self.spec, settings=self.settings, vectors=vectors)

    def sums(self, model: keras.Model, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        scores, target = scores_and_targets(model, batch, training)
        events = tf.cast(tf.shape(target)[0], tf.float32)
        sums = {WEIGHT: events, "next_item": tf.reduce_sum(next_item_loss(scores, target))}
        return sums if training else {**sums, NDCG: tf.reduce_sum(gain_of_place(scores, target))}

    def unfit(self, validation: Losses) -> float:
        """By the order of items: their likelihood is at its best many epochs before, and calibration mends it."""
        return -validation[NDCG]

    def judged(self, model: keras.Model, request: TrainingRequest, beat: Judging) -> dict[str, bytes]:
        """States after the last event that is read, in the order of rows; and what scores items by them."""
        known = model.items.table()[FIRST_KNOWN_INDEX:]
        files = {ITEMS: _arrays(vectors=np.asarray(known), bias=np.asarray(model.bias))}
        for split in EVALUATED_SPLITS:
            states = predict(
                model, request, split, self.form(), inputs=HISTORY_KEYS, labels=(), beat=partial(beat, split)
            )
            files[PREDICTIONS.format(split)] = _arrays(**{STATE: states[STATE]} if states else {})
        return files


def _arrays(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
