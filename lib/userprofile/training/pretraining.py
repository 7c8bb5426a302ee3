"""The task that needs no labels: next events, and users told apart by two views of their histories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import pyarrow as pa
import tensorflow as tf

from userprofile.feed.examples import ExampleForm
from userprofile.feed.read import Form
from userprofile.model.losses import class_loss, contrastive_loss
from userprofile.model.positions import Packing
from userprofile.model.pretraining import GAP_CODES, build_pretraining_model, item_vectors, weights_of_body
from userprofile.model.softmax import softmax_loss
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec
from userprofile.training.evaluate import packed
from userprofile.training.progress import WEIGHT
from userprofile.training.trained import BODY

Batch = Mapping[str, tf.Tensor]
LOSSES = ("next_item", "next_category", "next_action", "next_gap", "contrast")


def gaps(age_days: tf.Tensor) -> tf.Tensor:
    """int32 [B, T - 1]: channels.gap_codes less 1 of the time from an event to the next one, from ages [B, T]."""
    minutes = tf.maximum(age_days[:, :-1] - age_days[:, 1:], 0.0) * 1440.0
    return tf.minimum(tf.cast(tf.floor(tf.math.log1p(minutes) / math.log(2)), tf.int32), GAP_CODES - 1)


@dataclass(frozen=True)
class Pretraining:
    """The body of the profile model, from the features of gold.training_examples."""

    spec: FeatureSpec
    settings: Mapping[str, Any]

    def form(self) -> Form:
        return ExampleForm(self.spec, pa.schema([]), lambda table: {})

    def model(self) -> keras.Model:
        return build_pretraining_model(self.spec, settings=self.settings)

    def sums(self, model: keras.Model, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Losses of events are shares of all places of a row, so that each row's adds up by itself."""
        said = model({key: batch[key] for key in model.input}, training=training)
        weight = batch[WEIGHT]
        contrast = contrastive_loss(said["first_view"], said["second_view"], weight, self.settings["rows_together"])
        places = float(self.spec.sequence_length)
        of_events = {name: loss / places for name, loss in self._next(model, said, batch).items()}
        return {WEIGHT: tf.reduce_sum(weight), **of_events, "contrast": tf.reduce_sum(weight * contrast)}

    def _next(self, model: keras.Model, said: Mapping[str, tf.Tensor], batch: Batch) -> dict[str, tf.Tensor]:
        """Added up over events that another one follows, of rows that count."""
        follows = tf.logical_and(batch["sequence_action"][:, 1:] > 0, batch[WEIGHT][:, None] > 0)  # [B, T - 1]
        of_all, of_known = (
            Packing(follows),
            Packing(tf.logical_and(follows, batch["sequence_item"][:, 1:] >= FIRST_KNOWN_INDEX)),
        )
        states = of_known.pack(said["item_states"][:, :-1])
        item = of_known.pack(batch["sequence_item"][:, 1:]) - FIRST_KNOWN_INDEX
        vectors = item_vectors(model)
        targets = {
            "next_category": batch["sequence_category"][:, 1:],
            "next_action": batch["sequence_action"][:, 1:],
            "next_gap": gaps(batch["sequence_age_days"]),
        }
        of_classes = {
            name: tf.reduce_sum(class_loss(of_all.pack(said[f"{name}_logits"][:, :-1]), of_all.pack(target)))
            for name, target in targets.items()
        }
        return {"next_item": softmax_loss(states, vectors, tf.zeros(tf.shape(vectors)[0]), item), **of_classes}

    def objective(self, model: keras.Model, sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.add_n([self.settings["weights"][name] * sums[name] for name in LOSSES])

    def unfit(self, validation: Mapping[str, float]) -> float:
        return sum(self.settings["weights"][name] * validation[name] for name in LOSSES)

    def judged(self, model: keras.Model, request: Any, beat: Any) -> dict[str, bytes]:
        """The body's weights, which another training begins with."""
        return {BODY: packed(weights_of_body(model))}
