"""What the profile model's body learns without labels: what comes after each event, users told apart, hidden numbers.

The body is all that heads stand on: event embedding, history encoder, dense tower, fusion.
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
from userprofile.model.profile_model import body_of, model_inputs
from userprofile.spec import FIRST_KNOWN_INDEX, UNKNOWN_INDEX, FeatureSpec

BODY = "body"
PARTS = ("event", "history", "dense_tower", "embedding")

# Of a view: events as CL4SRec has them; so many numbers that what is left does not tell them outright.
MASKED_SHARE, MASKED_NUMBERS = 0.3, 0.5

# Of the time to the next event, channels.gap_codes: 6 years and more are one.
GAP_CODES = 22


@keras.saving.register_keras_serializable(package="userprofile")
class MaskedEvents(keras.layers.Layer):
    """A view of a user's history in which a share of the events, drawn anew each time, are of nothing known."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.draws = keras.random.SeedGenerator()

    def call(self, *indices: KerasTensor) -> list[KerasTensor]:  # [B, T] each
        hidden = keras.random.uniform(ops.shape(indices[0]), seed=self.draws) < self.share
        return [ops.where(hidden, ops.minimum(index, UNKNOWN_INDEX), index) for index in indices]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


@keras.saving.register_keras_serializable(package="userprofile")
class MaskedNumbers(keras.layers.Layer):
    """A view of a user's numbers in which a share of them, drawn anew each time, are null; and which, as 1."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.draws = keras.random.SeedGenerator()

    def call(self, dense: KerasTensor) -> tuple[KerasTensor, KerasTensor]:  # [B, D]
        hidden = keras.random.uniform(ops.shape(dense), seed=self.draws) < self.share
        return ops.where(hidden, np.nan, dense), ops.cast(hidden, "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


def build_pretraining_model(spec: FeatureSpec, *, settings: Mapping[str, Any]) -> keras.Model:
    """The body of `spec` below what is asked of it.

    In: as profile_model.build_model. Out, over vocabulary indices and codes of what comes after each event:
    item_states [B, T, item_width], to be told from the vectors of items; next_category_logits [B, T, categories];
    next_action_logits [B, T, 1 + actions], of sequence_action; next_gap_logits [B, T, GAP_CODES]. Of two views of each
    user, with events and numbers masked: first_view and second_view, embeddings [B, E]; numbers_error [B], as
    numbers_error says, of the first.
    """
    inputs = model_inputs(spec)
    body = keras.Model(
        inputs, dict(zip(("embedding", "states"), body_of(spec, settings, inputs), strict=True)), name=BODY
    )
    views, hidden = zip(*(_view(inputs, spec, name) for name in ("first_view", "second_view")), strict=True)
    first, second = (body(view)["embedding"] for view in views)
    states = body(inputs)["states"]
    sizes = {
        "item_states": settings["item_width"],
        "next_category_logits": FIRST_KNOWN_INDEX + len(spec.category_vocabulary),
        "next_action_logits": 1 + len(ACTIONS),
        "next_gap_logits": GAP_CODES,
    }
    standardised = body.get_layer("dense_normalisation")(inputs["dense"])
    said = keras.layers.Dense(len(spec.dense), name="numbers")(first)
    outputs = {
        **{name: keras.layers.Dense(size, name=name)(states) for name, size in sizes.items()},
        "first_view": first,
        "second_view": second,
        "numbers_error": numbers_error(said, standardised, hidden[0]),
    }
    return keras.Model(inputs, outputs, name="pretraining_model")


def _view(
    inputs: Mapping[str, KerasTensor], spec: FeatureSpec, name: str
) -> tuple[dict[str, KerasTensor], KerasTensor]:
    """The inputs with some hidden, and which numbers are."""
    keys = ["sequence_item", "sequence_category", *map(channel_key, spec.channels)]
    events = MaskedEvents(MASKED_SHARE, name=name)(*(inputs[key] for key in keys))
    dense, hidden = MaskedNumbers(MASKED_NUMBERS, name=f"{name}_numbers")(inputs["dense"])
    return {**inputs, **dict(zip(keys, events, strict=True)), "dense": dense}, hidden


def numbers_error(said: KerasTensor, standardised: KerasTensor, hidden: KerasTensor) -> KerasTensor:
    """[B] mean squared error of the hidden numbers that are there, 0 where none is; about 1 where each is said to be 0.

    From numbers [B, D] said, those [B, 2 D] of a normalisation with their mask, and 1 where hidden [B, D].
    """
    count = said.shape[-1]
    asked = standardised[:, count:] * hidden
    error = ops.sum(asked * (said - standardised[:, :count]) ** 2, axis=-1)
    return error / ops.maximum(ops.sum(asked, axis=-1), 1.0)


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
