"""What a network's score rests on: B users, T events, D numbers of a user.

The network is cut behind its embeddings: in front of the cut are indices and raw numbers, behind it vectors, along
which gradients are taken. The baseline is a user without events, all of whose numbers are known and average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from userprofile.heads.every import HEADS
from userprofile.model.heads import HabitHead

# Of the path from the baseline to the user: few are enough to order a score's parts, many make them add up. One would
# not do: where a single category decides, a trained network's gradient halfway names it for two users in three.
FEW, MANY = 2, 64

Tensors = dict[str, Any]


@dataclass(frozen=True)
class Attribution:
    """Parts of a score's difference from the baseline's, in the units of Head.explained."""

    dense: np.ndarray  # [B, D]
    events: np.ndarray  # [B, T, C] by embedding (item, category, action, channels) and, last, age; 0 where padded
    habit: np.ndarray  # [B] of the user's own events in the class that the score is about; 0 where there are no classes
    met: np.ndarray  # [B] how many of these there are

    def gap(self, difference: np.ndarray) -> np.ndarray:
        """[B] by how much the parts miss what they should add up to, as a share of their magnitudes together."""
        parts = np.concatenate([self.dense, self.events.reshape(len(self.events), -1), self.habit[:, None]], axis=1)
        size = np.maximum(np.abs(parts).sum(axis=1), np.finfo(np.float32).tiny)
        return np.asarray(np.abs(parts.sum(axis=1) - difference) / size)


class NetworkAttribution:
    """Of the scores `names` of a network of model.profile_model."""

    def __init__(self, network: keras.Model, names: Sequence[str]) -> None:
        self.heads = {name: HEADS[name] for name in names}
        wanted = {name: network.output[name] for head in self.heads.values() for name in head.output_names()}
        layers = {layer.name: layer for layer in network.layers}
        self.habits = {name: layers[name] for name in wanted if isinstance(layers.get(name), HabitHead)}
        event = layers["event"]
        self.starts = np.cumsum([0, *event.widths])
        cut = {"events": event.output, "numbers": layers["dense_normalisation"].output}
        cut |= {name: layer.input[1] for name, layer in self.habits.items()}
        # What tells events from padding, and how far apart they are, stays as it is.
        cut |= {name: network.input[name] for name in ("sequence_action", "sequence_age_days")}
        self.inputs = tuple(network.input)
        self.front = tf.function(keras.Model(network.input, cut), reduce_retracing=True)
        self.cut_names = tuple(cut)
        self.back = keras.Model(list(cut.values()), wanted)
        self.slopes = tf.function(self._slopes, reduce_retracing=True)
        self.values = tf.function(self._explained, reduce_retracing=True)
        self.places = tf.function(self._places, reduce_retracing=True)

    def attributions(self, batch: Mapping[str, np.ndarray], *, steps: int) -> dict[str, Attribution]:
        """By score: Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks" (arXiv:1703.01365), by the
        midpoint rule.
        """
        cut = self._cut(batch)
        places = self.places(cut)
        along = [self.slopes(_between(cut, (step + 0.5) / steps), places) for step in range(steps)]
        found = {}
        for name in self.heads:
            slopes = zip(*(one[name] for one in along), strict=True)
            found[name] = self._attribution(name, cut, places[name], *(sum(one) / steps for one in slopes))
        return found

    def differences(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """By score, [B] of what is explained from the baseline's, where nobody has a habit either."""
        cut = self._cut(batch)
        places = self.places(cut)
        nothing = _between(cut, 0.0) | {habit: tf.zeros_like(cut[habit]) for habit in self.habits}
        here, there = (self.values(point, places) for point in (cut, nothing))
        return {name: np.asarray(here[name] - there[name]) for name in self.heads}

    def _cut(self, batch: Mapping[str, np.ndarray]) -> Tensors:
        return dict(self.front({name: batch[name] for name in self.inputs}))

    def _behind(self, cut: Tensors) -> Tensors:
        return dict(self.back([cut[name] for name in self.cut_names]))

    def _places(self, cut: Tensors) -> Tensors:
        outputs = self._behind(cut)
        return {name: head.explained_place(outputs) for name, head in self.heads.items()}

    def _explained(self, cut: Tensors, places: Tensors) -> Tensors:
        outputs = self._behind(cut)
        return {name: head.explained(outputs, places[name]) for name, head in self.heads.items()}

    def _slopes(self, cut: Tensors, places: Tensors) -> Tensors:
        """By score, gradients of what is explained along events and along numbers."""
        along = [cut["events"], cut["numbers"]]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(along)
            explained = self._explained(cut, places)
        return {name: tape.gradient(one, along, unconnected_gradients="zero") for name, one in explained.items()}

    def _attribution(self, name: str, cut: Tensors, place: Any, events: Any, numbers: Any) -> Attribution:
        of_events = np.add.reduceat((events * cut["events"]).numpy(), self.starts, axis=2)
        of_numbers = (numbers * (cut["numbers"] - _average(cut["numbers"]))).numpy()
        values, masks = np.split(of_numbers, 2, axis=1)
        return Attribution(values + masks, of_events, *self._habit(name, cut, place))

    def _habit(self, name: str, cut: Tensors, place: Any) -> tuple[np.ndarray, np.ndarray]:
        """A sum that stands beside what the embedding says, so it needs no gradient."""
        for output in self.heads[name].output_names():
            if output in self.habits:
                counts = tf.gather(cut[output], place, batch_dims=1)  # [B, H], the plain one first
                return self.habits[output].of_habits(counts, place).numpy(), counts[:, 0].numpy()
        nothing = np.zeros(cut["events"].shape[0], np.float32)
        return nothing, nothing


def _average(numbers: Any) -> Any:
    """Standardised values of 0, and masks of 1."""
    values, masks = tf.split(numbers, 2, axis=1)
    return tf.concat([tf.zeros_like(values), tf.ones_like(masks)], axis=1)


def _between(cut: Tensors, share: float) -> Tensors:
    """So far from the baseline to the user."""
    average = _average(cut["numbers"])
    return cut | {"events": share * cut["events"], "numbers": average + share * (cut["numbers"] - average)}
