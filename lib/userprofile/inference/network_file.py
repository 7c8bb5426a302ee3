"""What a network's file may be made of: layers of Keras and of this package, and no code of its own."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from userprofile.errors import DataGateError

_ROOMS = {"", "builtins", "keras", "userprofile"}
_OF_CODE = {"Lambda", "__lambda__"}


def require_no_code(network: bytes) -> None:
    """Raises DataGateError for anything but such a file. Without TensorFlow: a driver asks before it sends the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(network)) as archive:
            parts = list(_parts(json.loads(archive.read("config.json"))))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise _refused(f"it cannot be read: {error}") from error
    for module, name in parts:
        if name in _OF_CODE or module.split(".")[0] not in _ROOMS:
            raise _refused(f"{module}.{name}".lstrip("."))


def _parts(config: Any) -> Iterator[tuple[str, str]]:
    """Module and class of all that the file names."""
    if isinstance(config, dict) and "class_name" in config:
        yield str(config.get("module") or ""), str(config["class_name"])
    for one in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from _parts(one)


def _refused(received: str) -> DataGateError:
    return DataGateError(
        "the model's network is not one that this package wrote",
        expected="a .keras file of layers of Keras and of userprofile, none of which runs code of its own (Lambda)",
        received=received,
        fix="make train_model FORCE=1, or bring the model's folder back from a copy",
    )
