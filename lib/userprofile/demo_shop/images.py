"""Small pictures, shared by all items of one colour, shape and variant."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from userprofile.demo_shop.catalogue import IMAGE_VARIANTS
from userprofile.demo_shop.shop import Shop
from userprofile.demo_shop.taxonomy import COLOURS, SHAPES

SIDE = 32
_PAPER = 245


def image_path(colour: str, shape: str, variant: int) -> str:
    """Where the picture lies, relative to the shop's folder."""
    return f"images/{colour}_{shape}_{variant}.png"


def paint_all(shop: Shop, folder: Path) -> None:
    """One 32 x 32 PNG for each colour, shape and variant; variants differ in place, size and grain."""
    rng = shop.stream("images")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for colour, rgb in COLOURS.items():
        for shape in SHAPES:
            for variant in range(IMAGE_VARIANTS):
                (folder / image_path(colour, shape, variant)).write_bytes(png(_paint(rgb, shape, rng)))


def _paint(rgb: tuple[int, int, int], shape: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    centre, radius = SIDE / 2 + rng.uniform(-3, 3, 2), rng.uniform(8, 12)
    down, right = (np.indices((SIDE, SIDE)) + 0.5 - centre[:, None, None]) / radius
    inside = {
        "circle": down**2 + right**2 <= 1,
        "square": np.maximum(abs(down), abs(right)) <= 0.9,
        "triangle": (abs(down) <= 0.9) & (2 * abs(right) <= down + 0.9),
        "stripe": (np.floor(down * 2.5) % 2 == 0) & (abs(down) <= 1),
        "cross": (np.minimum(abs(down), abs(right)) <= 0.3) & (np.maximum(abs(down), abs(right)) <= 1),
    }[shape]
    flat = np.where(inside[..., None], np.array(rgb, float), _PAPER)
    return (flat + rng.normal(0, 6, flat.shape)).clip(0, 255).astype(np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """[height, width, 3] as an 8-bit RGB PNG (PNG specification, third edition: IHDR, IDAT, IEND)."""
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + width * 3), np.uint8)  # each line begins with its filter: 0, none
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
