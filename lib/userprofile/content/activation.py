"""Where in an image lies what its vector says: class activation maps of the image network.

B. Zhou et al., Learning Deep Features for Discriminative Localization (2016). What is asked of a vector here is linear
in it, and the vector is the mean of the last convolution's outputs; then Grad-CAM (R. R. Selvaraju et al. 2017) before
its cut below zero is the same map times a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import keras
import numpy as np
import tensorflow as tf

from userprofile.content.images import SIDE, image_model, pixels_of
from userprofile.content.weights import image_weights


class ImageActivations:
    """The pre-trained network up to its last convolution; made once per process (`cached`)."""

    def __init__(self) -> None:
        whole = image_model(image_weights())
        self._forward = tf.function(keras.Model(whole.input, whole.layers[-1].input), reduce_retracing=True)

    @staticmethod
    @cache
    def cached() -> ImageActivations:
        """The process's own."""
        return ImageActivations()

    def maps(self, files: Sequence[bytes], towards: np.ndarray, middle: np.ndarray) -> list[np.ndarray | None]:
        """float32 [7, 7] of each file, first row on top; None where the file cannot be read.

        A place tells how far what is seen there lies towards [1280], from the middle [1280]. The mean of a map is
        towards . (the image's vector - middle).
        """
        found: list[np.ndarray | None] = []
        for file in files:
            pixels = pixels_of(file, SIDE)
            seen = None if pixels is None else self._forward(pixels[None]).numpy()[0]
            found.append(None if seen is None else ((seen - middle) @ towards).astype(np.float32))
        return found


def thumbnail(file: bytes) -> bytes | None:
    """JPEG of what the network sees, 224 x 224; None where the file cannot be read."""
    pixels = pixels_of(file, SIDE)
    return None if pixels is None else tf.io.encode_jpeg(pixels.round().astype(np.uint8), quality=85).numpy()
