"""The task that needs no labels: next or hidden events, and users told apart by two views of their histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import pyarrow as pa
import tensorflow as tf

from userprofile.feed.examples import ExampleForm
from userprofile.feed.read import Form
from userprofile.model.losses import class_loss, contrastive_loss
from userprofile.model.positions import Packing, gap_bucket
from userprofile.model.pretraining import STATES, build_pretraining_model, item_vectors, weights_of_body
from userprofile.model.softmax import softmax_loss
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec
from userprofile.training.evaluate import packed
from userprofile.training.progress import WEIGHT
from userprofile.training.trained import BODY

Batch = Mapping[str, tf.Tensor]
LOSSES = (*STATES, "contrast")


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
        of_events = {name: loss / places for name, loss in self._of_events(model, said, batch).items()}
        return {WEIGHT: tf.reduce_sum(weight), **of_events, "contrast": tf.reduce_sum(weight * contrast)}

    def _of_events(self, model: keras.Model, said: Mapping[str, tf.Tensor], batch: Batch) -> dict[str, tf.Tensor]:
        """Added up over the events that are asked, of rows that count.

        From the state after an event the next one is; from states that know what follows, those that a view hides, and
        their item and category alone.
        """
        ahead = 0 if "hidden" in said else 1
        asked = tf.logical_and(batch["sequence_action"] > 0, batch[WEIGHT][:, None] > 0)  # [B, T]
        asked = asked[:, 1:] if ahead else tf.logical_and(asked, said["hidden"])
        states = {name: said[name][:, : self.spec.sequence_length - ahead] for name in STATES}
        item = batch["sequence_item"][:, ahead:]
        of_all, of_known = Packing(asked), Packing(tf.logical_and(asked, item >= FIRST_KNOWN_INDEX))
        vectors = item_vectors(model)
        losses = {
            "item": softmax_loss(
                of_known.pack(states["item"]),
                vectors,
                tf.zeros(tf.shape(vectors)[0]),
                of_known.pack(item) - FIRST_KNOWN_INDEX,
            )
        }
        age = batch["sequence_age_days"]
        targets = {"category": batch["sequence_category"], "action": batch["sequence_action"]}
        targets["gap"] = gap_bucket(tf.concat([tf.zeros_like(age[:, :1]), age[:, :-1] - age[:, 1:]], axis=1))
        for name, target in targets.items():
            loss = tf.reduce_sum(class_loss(of_all.pack(states[name]), of_all.pack(target[:, ahead:])))
            losses[name] = loss if ahead or name == "category" else tf.zeros_like(loss)
        return losses

    def objective(self, model: keras.Model, sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return tf.add_n([self.settings["weights"][name] * sums[name] for name in LOSSES])

    def unfit(self, validation: Mapping[str, float]) -> float:
        return sum(self.settings["weights"][name] * validation[name] for name in LOSSES)

    def judged(self, model: keras.Model, request: Any, beat: Any) -> dict[str, bytes]:
        """The body's weights, which another training begins with."""
        return {BODY: packed(weights_of_body(model))}
