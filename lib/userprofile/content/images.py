"""Images as vectors: EfficientNet-Lite0, a convolutional network trained on the thousand classes of ImageNet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor

from userprofile.content.weights import Weights, image_weights

WIDTH = 1280
SIDE = 224  # pixels

# Blocks, stride of the first, channels inside for each that comes in (efficientnet_lite_builder.py of
# tensorflow/tpu); kernels and how many channels come out, the weights tell.
_STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
_EPSILON = 1e-3  # of batch normalisation
_MIDDLE, _SPREAD = 127.0, 128.0  # of a pixel's 0 to 255, as the network was trained
_AT_ONCE = 16  # images in memory at once


def image_model(weights: Weights) -> keras.Model:
    """Pixels float32 [N, 224, 224, 3], 0 to 255 -> features [N, 1280], of weights by PyTorch's names."""
    pixels = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / _SPREAD, -_MIDDLE / _SPREAD)(pixels)
    x = _convolved(x, weights, "_conv_stem", "_bn0", stride=2)
    for number, (stride, expands) in enumerate(_blocks()):
        x = _block(x, weights, f"_blocks.{number}.", stride, expands)
    x = _convolved(x, weights, "_conv_head", "_bn1")
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))


def _blocks() -> Iterator[tuple[int, bool]]:
    """Stride of each, and whether it works with more channels inside than it gets."""
    for blocks, stride, expansion in _STAGES:
        yield from ((1 if later else stride, expansion > 1) for later in range(blocks))


def _block(x: KerasTensor, weights: Weights, name: str, stride: int, expands: bool) -> KerasTensor:
    """An inverted residual (Sandler et al. 2018): wide inside, each channel by itself, then narrow again."""
    inside = _convolved(x, weights, f"{name}_expand_conv", f"{name}_bn0") if expands else x
    inside = _convolved(inside, weights, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride)
    out = _convolved(inside, weights, f"{name}_project_conv", f"{name}_bn2", activation=None)
    return keras.layers.add([out, x]) if out.shape == x.shape else out


def _convolved(
    x: KerasTensor, weights: Weights, name: str, norm: str, *, stride: int = 1, activation: str | None = "relu6"
) -> KerasTensor:
    """A convolution and the batch normalisation behind it, which at rest is a factor and a shift of each channel."""
    kernel = weights[f"{name}.weight"]  # [out, in, height, width]; in is 1 where each channel is by itself
    factor = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
    shift = weights[f"{norm}.bias"] - factor * weights[f"{norm}.running_mean"]
    kernel = kernel * factor[:, None, None, None]
    settings = {"strides": stride, "padding": "same", "activation": activation}
    if name.endswith("_depthwise_conv"):
        layer, kernel = keras.layers.DepthwiseConv2D(kernel.shape[2:], **settings), kernel.transpose(2, 3, 0, 1)
    else:
        layer = keras.layers.Conv2D(len(kernel), kernel.shape[2:], **settings)
        kernel = kernel.transpose(2, 3, 1, 0)
    x = layer(x)
    layer.set_weights([kernel, shift])
    return x


class ImageEncoder:
    """One pre-trained network, ready to see; made once per process (`cached`), since loading takes seconds."""

    def __init__(self) -> None:
        self._forward = tf.function(image_model(image_weights()), reduce_retracing=True)

    @staticmethod
    @cache
    def cached() -> ImageEncoder:
        """The process's own."""
        return ImageEncoder()

    def vectors(self, files: Sequence[bytes]) -> list[np.ndarray | None]:
        """float32 [1280] of each file, JPEG, PNG, BMP or the first picture of a GIF; None where it cannot be read."""
        found: list[np.ndarray | None] = [None] * len(files)
        for start in range(0, len(files), _AT_ONCE):
            places = range(len(files))[start : start + _AT_ONCE]
            read = ((place, pixels_of(files[place], SIDE)) for place in places)
            if seen := {place: pixels for place, pixels in read if pixels is not None}:
                features = self._forward(np.stack(list(seen.values()))).numpy()
                for place, of_image in zip(seen, features, strict=True):
                    found[place] = of_image
        return found


def pixels_of(file: bytes, side: int) -> np.ndarray | None:
    """float32 [side, side, 3], 0 to 255, the whole picture whatever its shape; None where the file cannot be read."""
    try:
        pixels = tf.io.decode_image(file, channels=3, expand_animations=False)
        return tf.image.resize(pixels, (side, side), method="bilinear", antialias=True).numpy()
    except (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError, ValueError):
        return None
