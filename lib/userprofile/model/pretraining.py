"""What the profile model's body learns without labels: the next event after each event, and users told apart.

The body is all that heads stand on: event embedding, history encoder, dense tower, fusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from userprofile.columns import ACTIONS
from userprofile.errors import UsageError
from userprofile.model.profile_model import body_of, model_inputs
from userprofile.spec import FIRST_KNOWN_INDEX, UNKNOWN_INDEX, FeatureSpec

BODY = "body"
PARTS = ("event", "history", "dense_tower", "embedding")

MASKED_SHARE = 0.3


@keras.saving.register_keras_serializable(package="userprofile")
class MaskedEvents(keras.layers.Layer):
    """A view of a user's history in which a share of the events, drawn anew each time, have no item and no category."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.draws = keras.random.SeedGenerator()

    def call(self, item: KerasTensor, category: KerasTensor) -> tuple[KerasTensor, KerasTensor]:  # [B, T] each
        hidden = keras.random.uniform(ops.shape(item), seed=self.draws) < self.share
        masked = ops.minimum(item, UNKNOWN_INDEX), ops.minimum(category, UNKNOWN_INDEX)
        return ops.where(hidden, masked[0], item), ops.where(hidden, masked[1], category)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


def build_pretraining_model(spec: FeatureSpec, *, settings: Mapping[str, Any]) -> keras.Model:
    """The body of `spec` below what is asked of it.

    In: as profile_model.build_model. Out: item_states [B, T, item_width], to be told from the vectors of items;
    next_category_logits [B, T, categories] over vocabulary indices; next_action_logits [B, T, 1 + actions] over
    sequence_action; first_view and second_view [B, E], embeddings of two masked views of each user.
    """
    inputs = model_inputs(spec)
    body = keras.Model(
        inputs, dict(zip(("embedding", "states"), body_of(spec, settings, inputs), strict=True)), name=BODY
    )
    outputs = {}
    for name in ("first_view", "second_view"):
        item, category = MaskedEvents(MASKED_SHARE, name=name)(inputs["sequence_item"], inputs["sequence_category"])
        outputs[name] = body({**inputs, "sequence_item": item, "sequence_category": category})["embedding"]
    states = body(inputs)["states"]
    sizes = {
        "item_states": settings["item_width"],
        "next_category_logits": FIRST_KNOWN_INDEX + len(spec.category_vocabulary),
        "next_action_logits": 1 + len(ACTIONS),
    }
    outputs |= {name: keras.layers.Dense(size, name=name)(states) for name, size in sizes.items()}
    return keras.Model(inputs, outputs, name="pretraining_model")


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
