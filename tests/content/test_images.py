"""The image network knows what photographs show, as a slow twin does; files that are no images have no vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf

from userprofile.content.images import SIDE, WIDTH, ImageEncoder, image_model, pixels_of
from userprofile.content.weights import Weights, image_weights
from userprofile.demo_shop.images import png

PHOTOGRAPHS = Path(sklearn.datasets.__file__).parent / "images"
BELL_COTE, BOATHOUSE, DAISY = 442, 449, 985  # classes of ImageNet


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    return ImageEncoder.cached()


@pytest.fixture(scope="module")
def weights() -> Weights:
    return image_weights()


def classes(vector: np.ndarray, weights: Weights) -> list[int]:
    """Likeliest first, by the layer behind the features."""
    return np.argsort(-(weights["_fc.weight"] @ vector + weights["_fc.bias"])).tolist()


def test_photographs_are_of_what_they_show(encoder: ImageEncoder, weights: Weights) -> None:
    """A pavilion at a lake, and a flower whose petals stand like a daisy's."""
    pavilion, flower = encoder.vectors([(PHOTOGRAPHS / f"{name}.jpg").read_bytes() for name in ("china", "flower")])
    assert pavilion is not None
    assert flower is not None
    assert set(classes(pavilion, weights)[:2]) == {BELL_COTE, BOATHOUSE}
    assert classes(flower, weights)[0] == DAISY


def slow_convolution(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """[H, W, in] by [out, in, k, k], padded so that ceil(H / stride) come out; in 1: each channel by itself."""
    size, side = kernel.shape[-1], -(-len(x) // stride)
    padding = max((side - 1) * stride + size - len(x), 0)
    x = np.pad(x, ((padding // 2, padding - padding // 2), (padding // 2, padding - padding // 2), (0, 0)))
    out = np.zeros((side, side, len(kernel)))
    for row in range(side):
        for column in range(side):
            window = x[row * stride : row * stride + size, column * stride : column * stride + size]
            if kernel.shape[1] == 1:
                out[row, column] = np.einsum("yxc,cyx->c", window, kernel[:, 0])
            else:
                out[row, column] = np.einsum("yxi,oiyx->o", window, kernel)
    return out


def slow_norm(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    centred = (x - weights[f"{name}.running_mean"]) / np.sqrt(weights[f"{name}.running_var"] + 1e-3)
    return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def slow_features(pixels: np.ndarray, weights: Weights) -> np.ndarray:
    """One convolution, then its normalisation, and so on, in double precision."""
    relu6 = lambda x: np.clip(x, 0, 6)  # noqa: E731
    x = relu6(slow_norm(slow_convolution((pixels - 127) / 128, weights["_conv_stem.weight"], 2), weights, "_bn0"))
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for number, stride in enumerate(strides):
        name, inside = f"_blocks.{number}.", x
        if f"{name}_expand_conv.weight" in weights:
            inside = slow_norm(slow_convolution(x, weights[f"{name}_expand_conv.weight"], 1), weights, f"{name}_bn0")
            inside = relu6(inside)
        inside = slow_convolution(inside, weights[f"{name}_depthwise_conv.weight"], stride)
        inside = relu6(slow_norm(inside, weights, f"{name}_bn1"))
        inside = slow_norm(slow_convolution(inside, weights[f"{name}_project_conv.weight"], 1), weights, f"{name}_bn2")
        x = inside + x if inside.shape == x.shape else inside
    x = relu6(slow_norm(slow_convolution(x, weights["_conv_head.weight"], 1), weights, "_bn1"))
    return x.mean(axis=(0, 1))


def test_features_are_those_of_a_slow_twin(weights: Weights) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float64)
    plain = {name: values.astype(np.float64) for name, values in weights.items()}
    fast = np.asarray(image_model(weights)(pixels[None].astype(np.float32)))[0]
    np.testing.assert_allclose(fast, slow_features(pixels, plain), atol=2e-4)


def test_what_is_no_image_has_no_vector_and_spoils_no_other(encoder: ImageEncoder) -> None:
    red = png(np.full((32, 32, 3), [200, 30, 30], np.uint8))
    found = encoder.vectors([b"", red, b"rubbish", red[:60], red])
    assert [vector is None for vector in found] == [True, False, True, True, False]
    assert found[1] is not None
    assert found[1].shape == (WIDTH,)
    np.testing.assert_allclose(found[1], found[4], atol=1e-5)
    assert encoder.vectors([]) == []


def test_any_format_and_shape_becomes_a_square() -> None:
    grey = np.full((10, 30, 1), 80, np.uint8)
    for file in (tf.io.encode_png(grey).numpy(), tf.io.encode_jpeg(grey).numpy()):
        pixels = pixels_of(file, 16)
        assert pixels is not None
        np.testing.assert_allclose(pixels, np.full((16, 16, 3), 80.0), atol=1.5)


def test_weights_are_kept_as_plain_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Weights) -> None:
    monkeypatch.setenv("USERPROFILE_CACHE", str(tmp_path))
    first = image_weights()
    (kept,) = (tmp_path / "weights").iterdir()
    assert kept.suffix == ".safetensors"
    monkeypatch.setattr("userprofile.content.weights.tensors_of_torch_file", None)  # not needed any more
    for read in (first, image_weights()):
        assert {name: values.shape for name, values in read.items()} == {n: v.shape for n, v in weights.items()}
        np.testing.assert_array_equal(read["_fc.weight"], weights["_fc.weight"])
