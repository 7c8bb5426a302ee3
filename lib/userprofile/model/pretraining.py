"""What the profile model's body learns without labels: what comes after each event, and users told apart.

The body is what reads a user's history: event embedding and encoder. Numbers about a user are left to the labels: they
tell users apart outright, and a body that knows them for that knows nothing of use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.channels import channel_key
from userprofile.columns import ACTIONS
from userprofile.errors import UsageError
from userprofile.model.encoders import BIDIRECTIONAL, MaskedMean
from userprofile.model.positions import GAP_BUCKETS, LastState
from userprofile.model.profile_model import encoded_events, model_inputs, present_of
from userprofile.spec import FIRST_KNOWN_INDEX, UNKNOWN_INDEX, FeatureSpec

BODY = "body"
PARTS = ("event", "history")

MASKED_SHARE = 0.3

# What states are asked of an event.
STATES = ("item", "category", "action", "gap")


@keras.saving.register_keras_serializable(package="userprofile")
class MaskedEvents(keras.layers.Layer):
    """A view of a user's history in which a share of the events, anew each time, are of nothing known; and which."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.draws = keras.random.SeedGenerator()

    def call(self, *indices: KerasTensor) -> list[KerasTensor]:  # [B, T] each
        hidden = keras.random.uniform(ops.shape(indices[0]), seed=self.draws) < self.share
        return [*(ops.where(hidden, ops.minimum(index, UNKNOWN_INDEX), index) for index in indices), hidden]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


def build_pretraining_model(spec: FeatureSpec, *, settings: Mapping[str, Any]) -> keras.Model:
    """The body of `spec` below what is asked of it.

    In: what profile_model.build_model reads of events. Out, of states [B, T, .]: item, to be told from the vectors of
    items; category, action and gap, logits over vocabulary indices, sequence_action, and gap_bucket of the time since
    the event before. These states are of whole histories, or, where the encoder is bidirectional, of the first view,
    with bool hidden [B, T]. And first_view and second_view [B, embedding_width], of each user with events masked.
    """
    inputs = {name: value for name, value in model_inputs(spec).items() if name.startswith("sequence_")}
    body = keras.Model(
        inputs, dict(zip(("events", "states"), encoded_events(spec, settings, inputs), strict=True)), name=BODY
    )
    views = {name: _view(inputs, spec, name) for name in ("first_view", "second_view")}
    said = {name: body(view) for name, (view, _) in views.items()}
    whole = keras.layers.Dense(settings["embedding_width"], name="whole_history")
    outputs = {name: whole(_summary(one, inputs)) for name, one in said.items()}
    states = body(inputs)["states"]
    if settings["encoder"] == BIDIRECTIONAL:
        states, outputs["hidden"] = said["first_view"]["states"], views["first_view"][1]
    sizes = {
        "item": settings["item_width"],
        "category": FIRST_KNOWN_INDEX + len(spec.category_vocabulary),
        "action": 1 + len(ACTIONS),
        "gap": GAP_BUCKETS,
    }
    outputs |= {name: keras.layers.Dense(sizes[name], name=name)(states) for name in STATES}
    return keras.Model(inputs, outputs, name="pretraining_model")


def _view(
    inputs: Mapping[str, KerasTensor], spec: FeatureSpec, name: str
) -> tuple[dict[str, KerasTensor], KerasTensor]:
    """The inputs with some events masked, and bool [B, T] which are."""
    keys = ["sequence_item", "sequence_category", *map(channel_key, spec.channels)]
    *masked, hidden = MaskedEvents(MASKED_SHARE, name=name)(*(inputs[key] for key in keys))
    return {**inputs, **dict(zip(keys, masked, strict=True))}, hidden


def _summary(said: Mapping[str, KerasTensor], inputs: Mapping[str, KerasTensor]) -> KerasTensor:
    present = present_of(inputs)
    return ops.concatenate([LastState()(said["states"], present), MaskedMean()(said["events"], present)], axis=-1)


def item_vectors(model: keras.Model) -> KerasTensor:
    """[known items and buckets, item_width] of the body's event embedding."""
    return ops.convert_to_tensor(model.get_layer(BODY).get_layer("event").tables[0].embeddings)[FIRST_KNOWN_INDEX:]


def weights_of_body(model: keras.Model) -> dict[str, np.ndarray]:
    """Of a pre-training model, by part and place."""
    return {
        f"{part}/{place:03d}": np.asarray(weight)
        for part in PARTS
        for place, weight in enumerate(model.get_layer(BODY).get_layer(part).get_weights())
    }


def set_body(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Into a profile model. Raises UsageError where its body is another one."""
    for part in PARTS:
        layer = model.get_layer(part)
        given = [weights[name] for name in sorted(weights) if name.startswith(f"{part}/")]
        shapes = [tuple(one.shape) for one in layer.get_weights()]
        if [one.shape for one in given] != shapes:
            raise UsageError(
                f"what was pre-trained does not fit: {part}",
                expected=str(shapes),
                received=str([one.shape for one in given]),
                fix="make pretrain_model with the same train_model.network, features and vocabulary",
            )
        layer.set_weights(given)
