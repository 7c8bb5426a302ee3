from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from userprofile.demo_shop import Shop
from userprofile.demo_shop.catalogue import IMAGE_VARIANTS
from userprofile.demo_shop.images import SIDE, image_path, paint_all, png
from userprofile.demo_shop.taxonomy import COLOURS, SHAPES


def unpack(written: bytes) -> NDArray[np.uint8]:
    """A slow reader of 8-bit RGB PNG without filters; checks every chunk's sum."""
    assert written[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(written):
        (length,) = struct.unpack(">I", written[place : place + 4])
        kind, body = written[place + 4 : place + 8], written[place + 8 : place + 8 + length]
        assert struct.unpack(">I", written[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        place += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("painted")
    paint_all(Shop(users=1, days=1, seed=3), folder)
    return folder


def test_a_picture_is_read_back_as_it_was() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert (unpack(png(pixels)) == pixels).all()


def test_there_is_one_picture_for_each_colour_shape_and_variant(folder: Path) -> None:
    assert len(list((folder / "images").iterdir())) == len(COLOURS) * len(SHAPES) * IMAGE_VARIANTS


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_what_is_not_paper_has_the_planted_colour(folder: Path, colour: str, shape: str) -> None:
    for variant in range(IMAGE_VARIANTS):
        pixels = unpack((folder / image_path(colour, shape, variant)).read_bytes()).astype(float)
        assert pixels.shape == (SIDE, SIDE, 3)
        painted = pixels[pixels.min(axis=2) < 170]
        assert 40 < len(painted) < SIDE * SIDE / 2
        assert np.abs(painted.mean(axis=0) - COLOURS[colour]).max() < 4


def test_shapes_differ_in_how_they_fill_their_frame(folder: Path) -> None:
    fill = {}
    for shape in SHAPES:
        inside = unpack((folder / image_path("blue", shape, 0)).read_bytes())[..., 0] < 140
        down, right = np.nonzero(inside)
        fill[shape] = inside.sum() / ((np.ptp(down) + 1) * (np.ptp(right) + 1))
    order = pl.DataFrame({"shape": list(fill), "fill": list(fill.values())}).sort("fill")["shape"].to_list()
    assert order[-1] == "square"
    assert order[-2] == "circle"
    assert fill["square"] > 0.95
