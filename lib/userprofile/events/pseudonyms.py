"""Keyed pseudonyms: from silver on a person, a device and an address are known only by these."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql import functions as F

from userprofile.errors import EnvironmentMismatchError

_KEY_BYTES = 32
_HEX_DIGITS = 32  # 128 bits: two of 10**9 users collide with probability 10**-21


def pseudonym(raw_id: str, *, key: bytes, kind: str) -> str:
    """The first 128 bits of HMAC-SHA-256 over kind and id, as hex. RFC 2104."""
    return hmac.digest(key, f"{kind}:{raw_id}".encode(), "sha256").hex()[:_HEX_DIGITS]


def pseudonym_column(key: bytes, *, kind: str) -> Callable[[Column], Column]:
    """The same over a column, each distinct id of a batch once; null stays null.

    Done in Python rather than by Spark's sha2, since a key inside an expression would be shown in plans and logs.
    """

    @F.arrow_udf("string")  # type: ignore[attr-defined]
    def of_batch(ids: pa.Array) -> pa.Array:
        coded = pc.dictionary_encode(ids)
        names = [pseudonym(raw_id, key=key, kind=kind) for raw_id in coded.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(coded.indices)

    return of_batch


def load_or_make_key(path: Path) -> bytes:
    """The key of this installation; made at the first use, readable by its owner only.

    Whoever loses the file can never again tell which pseudonym a raw id has.
    """
    path = path.expanduser()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_key(path)
    if path.stat().st_mode & 0o077:
        raise EnvironmentMismatchError(
            f"the pseudonym key {path} can be read by others",
            expected="mode 0600",
            received=oct(path.stat().st_mode & 0o777),
            fix=f"chmod 600 {path}",
        )
    text = path.read_text().strip()
    if not re.fullmatch(f"[0-9a-f]{{{2 * _KEY_BYTES}}}", text):
        raise EnvironmentMismatchError(
            f"{path} holds no pseudonym key",
            expected=f"{2 * _KEY_BYTES} hexadecimal digits",
            received=f"{len(text)} characters",
            fix="bring the file back; by another key every user would become another one",
        )
    return bytes.fromhex(text)


def _make_key(path: Path) -> None:
    """Whole at once, so that a job beside this one never reads half a key."""
    written = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(_KEY_BYTES))
    with contextlib.suppress(FileExistsError):  # another job made it in the meantime: use that one
        os.link(written, path)
    written.unlink()
