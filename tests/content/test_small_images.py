"""A convolutional network learns from scratch what the demo shop's pictures show."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from userprofile.content.images import pixels_of
from userprofile.content.small_images import SmallImageEncoder, learnt_by_classes
from userprofile.demo_shop import Shop
from userprofile.demo_shop.catalogue import IMAGE_VARIANTS
from userprofile.demo_shop.images import SIDE, image_path, paint_all
from userprofile.demo_shop.taxonomy import COLOURS, SHAPES


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Pixels of all pictures, colour and shape of each, and which are not learnt from: two variants of each."""
    folder: Path = tmp_path_factory.mktemp("shop")
    paint_all(Shop(users=1, days=1, seed=7), folder)
    named = [(c, s, v) for c in COLOURS for s in SHAPES for v in range(IMAGE_VARIANTS)]
    pixels = np.stack([pixels_of((folder / image_path(*one)).read_bytes(), SIDE) for one in named])
    colours, shapes, variants = zip(*named, strict=True)
    labels = {
        "colour": np.array([list(COLOURS).index(colour) for colour in colours]),
        "shape": np.array([SHAPES.index(shape) for shape in shapes]),
    }
    return pixels, labels, np.array(variants) >= IMAGE_VARIANTS - 2


def test_colours_of_unseen_pictures_are_told_and_are_near_in_vectors(pictures, tmp_path: Path) -> None:
    pixels, labels, unseen = pictures
    colours = labels["colour"]
    encoder, model = learnt_by_classes(pixels[~unseen], colours[~unseen], width=16, epochs=40, seed=1)
    assert (np.asarray(model(pixels[unseen])).argmax(axis=1) == colours[unseen]).mean() >= 0.95
    vectors = np.asarray(encoder(pixels))
    nearest = np.linalg.norm(vectors[unseen][:, None] - vectors[~unseen], axis=2).argmin(axis=1)
    assert (colours[~unseen][nearest] == colours[unseen]).mean() >= 0.95
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(np.asarray(loaded(pixels[:4])), vectors[:4], atol=1e-5)


def test_shapes_of_unseen_pictures_are_told(pictures) -> None:
    """Of any colour, place and size: which no mean over pixels tells."""
    pixels, labels, unseen = pictures
    shapes = labels["shape"]
    _, model = learnt_by_classes(pixels[~unseen], shapes[~unseen], width=16, epochs=40, seed=1)
    assert (np.asarray(model(pixels[unseen])).argmax(axis=1) == shapes[unseen]).mean() >= 0.85


def slow_convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """[H, W, in] by [3, 3, in, out], edges padded with 0."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((*x.shape[:2], kernel.shape[-1]))
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            out[row, column] = np.einsum("yxi,yxio->o", padded[row : row + 3, column : column + 3], kernel)
    return out


def slow_halves(x: np.ndarray) -> np.ndarray:
    height, width, channels = x.shape
    return x[: height // 2 * 2, : width // 2 * 2].reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))


def test_an_encoder_is_its_slow_twin() -> None:
    keras.utils.set_random_seed(2)
    encoder = SmallImageEncoder(5)
    image = np.random.default_rng(2).uniform(0, 255, (9, 12, 3)).astype(np.float32)
    encoder.build((None, 9, 12, 3))
    chance = np.random.default_rng(3)
    for norm in encoder.norms:
        norm.set_weights([chance.uniform(0.5, 2, values.shape) for values in norm.get_weights()])
    x = image / 127.5 - 1.0
    for convolution, norm in zip(encoder.convolutions, encoder.norms, strict=True):
        scale, shift, mean, variance = norm.get_weights()
        x = (slow_convolution(x, convolution.get_weights()[0]) - mean) / np.sqrt(variance + 1e-3) * scale + shift
        x = slow_halves(np.maximum(x, 0))
    kernel, bias = encoder.project.get_weights()
    expected = np.concatenate([x.max(axis=(0, 1)), x.mean(axis=(0, 1))]) @ kernel + bias
    np.testing.assert_allclose(np.asarray(encoder(image[None]))[0], expected, atol=1e-4)
