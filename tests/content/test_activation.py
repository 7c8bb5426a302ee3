"""A map lies where the thing is, adds up to what the vector says, and is what Grad-CAM's gradients give."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf

from userprofile.content.activation import ImageActivations, thumbnail
from userprofile.content.images import SIDE, WIDTH, ImageEncoder, image_model, pixels_of
from userprofile.content.weights import Weights, image_weights

FLOWER = (Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg").read_bytes()
DAISY = 985  # of ImageNet's classes


@pytest.fixture(scope="module")
def weights() -> Weights:
    return image_weights()


def test_the_mean_of_a_map_is_what_the_vector_says() -> None:
    rng = np.random.default_rng(3)
    towards, middle = rng.normal(size=WIDTH).astype(np.float32), rng.random(WIDTH).astype(np.float32)
    (vector,), (found,) = (
        ImageEncoder.cached().vectors([FLOWER]),
        ImageActivations.cached().maps([FLOWER], towards, middle),
    )
    assert found.shape == (7, 7)
    assert found.mean() == pytest.approx(towards @ (vector - middle), rel=1e-4)


def test_it_is_grad_cam_of_a_class(weights: Weights) -> None:
    """Gradients of the class by the last convolution, averaged over places, weigh its channels."""
    whole = image_model(weights)
    last = keras.Model(whole.input, whole.layers[-1].input)
    with tf.GradientTape() as tape:
        seen = last(pixels_of(FLOWER, SIDE)[None])
        tape.watch(seen)
        score = tf.linalg.matvec(weights["_fc.weight"][DAISY][None], tf.reduce_mean(seen, (1, 2)))[0]
    channels = tf.reduce_mean(tape.gradient(score, seen), (1, 2))
    by_gradients = tf.einsum("yxc,c->yx", seen[0], channels[0]).numpy()
    (found,) = ImageActivations.cached().maps([FLOWER], weights["_fc.weight"][DAISY], np.zeros(WIDTH))
    np.testing.assert_allclose(found, 49 * by_gradients, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("column", [0, 1])
def test_a_flower_is_where_it_blooms(weights: Weights, row: int, column: int) -> None:
    """In a quarter of a grey picture."""
    half = SIDE // 2
    picture = np.full((SIDE, SIDE, 3), 127, np.uint8)
    picture[row * half :, column * half :][:half, :half] = pixels_of(FLOWER, half)
    daisy = weights["_fc.weight"][DAISY] - weights["_fc.weight"].mean(axis=0)
    (found,) = ImageActivations.cached().maps([tf.io.encode_png(picture).numpy()], daisy, np.zeros(WIDTH))
    above = np.maximum(found, 0)
    quarters = [[above[top, left].sum() for left in (slice(0, 3), slice(4, 7))] for top in (slice(0, 3), slice(4, 7))]
    assert np.unravel_index(np.argmax(quarters), (2, 2)) == (row, column), quarters


def test_what_is_no_image_has_neither_map_nor_picture() -> None:
    assert ImageActivations.cached().maps([b"no image"], np.zeros(WIDTH), np.zeros(WIDTH)) == [None]
    assert thumbnail(b"no image") is None
    assert tf.io.decode_jpeg(thumbnail(FLOWER)).shape == (SIDE, SIDE, 3)
