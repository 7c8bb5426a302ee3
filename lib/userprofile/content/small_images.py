"""Small images as vectors by a convolutional network of one's own, learnt from scratch by what the images are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

_CHANNELS = (16, 32, 64)  # of each convolution; between them height and width are halved


@keras.saving.register_keras_serializable(package="userprofile")
class SmallImageEncoder(keras.Model):
    """Three convolutions, each normalised and halved, then the greatest and the mean of every channel: [N, W].

    Of pixels float32 [N, height, width, 3], 0 to 255, of any size from 8 up. For a catalogue whose images are unlike
    photographs, or for a task that a network trained on ImageNet does not know.
    """

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.scale = keras.layers.Rescaling(1 / 127.5, -1.0)
        self.convolutions = [keras.layers.Conv2D(channels, 3, padding="same", use_bias=False) for channels in _CHANNELS]
        self.norms = [keras.layers.BatchNormalization(momentum=0.9) for _ in _CHANNELS]
        self.halve = keras.layers.MaxPooling2D()
        self.project = keras.layers.Dense(width)

    def build(self, shape: Sequence[Any]) -> None:
        before = shape[-1]
        for convolution, norm, channels in zip(self.convolutions, self.norms, _CHANNELS, strict=True):
            convolution.build((None, None, None, before))
            norm.build((None, None, None, channels))
            before = channels
        self.project.build((None, 2 * before))
        self.built = True

    def call(self, pixels: KerasTensor, training: bool | None = None) -> KerasTensor:  # [N, H, W, 3]
        x = self.scale(pixels)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.halve(ops.relu(norm(convolution(x), training=training)))
        return self.project(ops.concatenate([ops.max(x, axis=(1, 2)), ops.mean(x, axis=(1, 2))], axis=1))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "width": self.width}


def learnt_by_classes(
    pixels: np.ndarray, classes: np.ndarray, *, width: int, epochs: int, seed: int, batch: int = 32
) -> tuple[SmallImageEncoder, keras.Model]:
    """An encoder, and the model that tells classes by one dense layer behind it: scores [N, C] of pixels.

    `classes` are int [N], from 0. Learnt by cross-entropy (ln C for uniform scores), AdamW at 0.003, by the seed alone.
    """
    keras.utils.set_random_seed(seed)
    encoder = SmallImageEncoder(width, name="small_images")
    seen = keras.Input(pixels.shape[1:])
    model = keras.Model(seen, keras.layers.Dense(int(classes.max()) + 1)(ops.relu(encoder(seen))))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(0.003), loss=loss)
    model.fit(pixels, classes, batch_size=batch, epochs=epochs, verbose=0)
    return encoder, model
