"""What a training learns: which network, from which arrays, by which losses, and how it is judged.

A new task: its spec, which training/request.py reads, a class here, and its line in `task_of`. Loop, checkpoints, ranks
and guards know none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from userprofile.feed.examples import ExampleForm, feature_keys
from userprofile.feed.histories import HISTORY_KEYS, HistoryForm, HistorySpec
from userprofile.feed.read import Form
from userprofile.heads.every import heads_of, label_schema
from userprofile.heads.head import Arrays, Head
from userprofile.model.gbce import beta_of, evenly_drawn_items, gbce_loss
from userprofile.model.metrics import NDCG
from userprofile.model.next_item import (
    STATE,
    build_next_item_model,
    gain_of_place,
    next_item_loss,
    states_and_targets,
)
from userprofile.model.profile_model import TASK_WEIGHTS, build_model, event_tables
from userprofile.model.sampled_softmax import drawn_items, sampled_softmax_loss
from userprofile.model.softmax import softmax_loss
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec
from userprofile.training.evaluate import packed, predict
from userprofile.training.item_vectors import item_vectors
from userprofile.training.pretraining import Pretraining
from userprofile.training.progress import WEIGHT
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import EVALUATED_SPLITS, EVENT_TABLES, ITEMS, PREDICTIONS

Batch = Mapping[str, tf.Tensor]
Losses = Mapping[str, float]
NEXT_ITEM = "next_item"  # the head
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

    def objective(self, model: keras.Model, sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """What training makes small, of its `sums`: a sum over rows too."""

    def unfit(self, validation: Losses) -> float:
        """How far from its best a network is, by means over validation rows; the least keeps its weights."""

    def judged(self, model: keras.Model, request: TrainingRequest, beat: Judging) -> dict[str, bytes]:
        """Files that say how good a trained network is, or what that takes."""


def task_of(request: TrainingRequest) -> Task:
    """The task that the request's spec is of."""
    if isinstance(request.spec, HistorySpec):
        return NextItem(request.spec, request.settings)
    if request.pretraining:
        return Pretraining(request.spec, request.settings)
    return Profile(request.spec, request.settings)


@dataclass(frozen=True)
class Profile:
    """Every head of the profile that the spec has, from gold.training_examples."""

    spec: FeatureSpec
    settings: Mapping[str, Any]

    @cached_property
    def heads(self) -> list[Head]:
        """In the order of the spec."""
        return heads_of(self.spec)

    def form(self) -> Form:
        return ExampleForm(self.spec, label_schema(self.heads), self._labels)

    def model(self, item_table: keras.layers.Layer | None = None) -> keras.Model:
        return build_model(self.spec, self.heads, settings=self.settings, item_table=item_table)

    def sums(self, model: keras.Model, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        outputs = model({key: batch[key] for key in feature_keys(self.spec)}, training=training)
        losses = {head.name: tf.reduce_sum(batch[WEIGHT] * head.loss(outputs, batch)) for head in self.heads}
        return {WEIGHT: tf.reduce_sum(batch[WEIGHT]), **losses}

    def objective(self, model: keras.Model, sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Losses by their weights in the settings, or by those that the network learns."""
        if self.settings["task_weights"] == "fixed":
            return tf.add_n([self.settings["task_weight"][head.name] * sums[head.name] for head in self.heads])
        log_variances = tf.unstack(model.get_layer(TASK_WEIGHTS).log_variances.value, num=len(self.heads))
        return tf.add_n(
            [
                tf.exp(-log_variance) * sums[head.name] + log_variance * sums[WEIGHT]
                for head, log_variance in zip(self.heads, log_variances, strict=True)
            ]
        )

    def unfit(self, validation: Losses) -> float:
        return sum(self.settings["task_weight"][head.name] * validation[head.name] for head in self.heads)

    def judged(self, model: keras.Model, request: TrainingRequest, beat: Judging) -> dict[str, bytes]:
        """What is kept of the predictions, for calibration, for what serves, and for measures; and what interests are
        made of.
        """
        files = {
            PREDICTIONS.format(split): packed(self._kept(model, request, split, partial(beat, split)))
            for split in EVALUATED_SPLITS
        }
        return {**files, EVENT_TABLES: packed(event_tables(model))}

    def _kept(
        self, model: keras.Model, request: TrainingRequest, split: str, beat: Callable[[int], None]
    ) -> dict[str, np.ndarray]:
        def kept(outputs: Arrays, batch: Arrays) -> dict[str, np.ndarray]:
            return {name: values for head in self.heads for name, values in head.kept(outputs, batch).items()}

        return predict(model, request, split, self.form(), inputs=feature_keys(self.spec), kept=kept, beat=beat)

    def _labels(self, table: pa.Table) -> dict[str, np.ndarray]:
        return {name: values for head in self.heads for name, values in head.arrays(table, self.spec).items()}


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
        states, vectors, target = states_and_targets(model, batch, training)
        events = {WEIGHT: tf.cast(tf.shape(target)[0], tf.float32)}
        if training:
            return {**events, NEXT_ITEM: self._loss(model, states, vectors, target)}
        scores = model.scores(states, vectors)
        loss, gain = next_item_loss(scores, target), gain_of_place(scores, target)
        return {**events, NEXT_ITEM: tf.reduce_sum(loss), NDCG: tf.reduce_sum(gain)}

    def _loss(self, model: keras.Model, states: tf.Tensor, vectors: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """Over all items, or the target and so many sampled ones; added up over events."""
        known, bias = model.scored(vectors)
        count = self.settings["sampled_items"]
        if not count:
            return softmax_loss(states, known, bias, target)
        items = len(self.spec.vocabulary) - self.spec.new_items
        if self.settings["sampled_loss"] == "gbce":
            drawn = evenly_drawn_items(count, items=items, seed=model.draws)
            beta = beta_of(self.settings["gbce_t"], drawn=count, items=items)
            return gbce_loss(states, known, bias, target, drawn, beta=beta)
        return sampled_softmax_loss(states, known, bias, target, drawn_items(count, items=items, seed=model.draws))

    def objective(self, model: keras.Model, sums: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return sums[NEXT_ITEM]

    def unfit(self, validation: Losses) -> float:
        """By the order of items: their likelihood is at its best many epochs before, and calibration mends it."""
        return -validation[NDCG]

    def judged(self, model: keras.Model, request: TrainingRequest, beat: Judging) -> dict[str, bytes]:
        """States after the last event that is read, in the order of rows; and what scores items by them."""
        known = model.items.table()[FIRST_KNOWN_INDEX:]
        files = {ITEMS: packed({"vectors": np.asarray(known), "bias": np.asarray(model.bias)})}
        for split in EVALUATED_SPLITS:
            told = partial(beat, split)
            states = predict(model, request, split, self.form(), inputs=HISTORY_KEYS, kept=_state, beat=told)
            files[PREDICTIONS.format(split)] = packed(states)
        return files


def _state(outputs: Arrays, batch: Arrays) -> dict[str, np.ndarray]:
    return {STATE: outputs[STATE]}
