"""Where a training stands, in files that are whole or not at all: a killed one goes on instead of starting anew."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSelector, FileSystem, PyFileSystem

_BUFFER_BYTES = 2**20  # what passes the buffer by reaches the file system as an object that it refuses

KEPT = 2  # the last one, and the one before it in case the last is torn

_NAME, _UNFINISHED = "checkpoint-{:012d}", ".unfinished"
_DIGEST_BYTES = hashlib.sha256().digest_size
_NOTES = "notes"


@dataclass(frozen=True)
class Checkpoint:
    """Arrays by name, and what else the loop must know, as JSON takes it.

    `identity` names the training: request and code. `steps` are those done since its beginning, over all epochs.
    """

    identity: str
    steps: int
    arrays: Mapping[str, np.ndarray] = field(repr=False)
    notes: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """A checksum, and an .npz archive."""
        told = json.dumps({"identity": self.identity, "steps": self.steps, "notes": dict(self.notes)}).encode()
        archive = io.BytesIO()
        named: dict[str, Any] = {_NOTES: np.frombuffer(told, np.uint8), **self.arrays}
        np.savez(archive, **named)
        content = archive.getvalue()
        return hashlib.sha256(content).digest() + content

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint | None:
        """None where it is torn or was changed."""
        digest, archive = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(archive).digest() != digest:
            return None
        with np.load(io.BytesIO(archive)) as found:
            arrays = {name: found[name] for name in found.files}
        told = json.loads(arrays.pop(_NOTES).tobytes())
        return cls(told["identity"], told["steps"], arrays, told["notes"])


class Checkpoints:
    """The checkpoints of trainings below `root`, an existing folder or a URI as delta-rs takes it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._files: FileSystem = PyFileSystem(DeltaStorageHandler(root))

    @classmethod
    def made(cls, root: str) -> Checkpoints:
        """The folder is made where it is not there."""
        if "://" not in root:
            Path(root).mkdir(parents=True, exist_ok=True)
        return cls(root)

    def clear(self) -> None:
        """Delete them all."""
        for info in self._files.get_file_info(FileSelector("", recursive=False)):
            if info.is_file:
                self._files.delete_file(info.base_name)

    def save(self, checkpoint: Checkpoint) -> None:
        """Written under another name first; older ones than the last but one are deleted after it stands."""
        name = _NAME.format(checkpoint.steps)
        with self._files.open_output_stream(name + _UNFINISHED, buffer_size=_BUFFER_BYTES) as stream:
            content = checkpoint.to_bytes()
            for start in range(0, len(content), _BUFFER_BYTES // 2):
                stream.write(content[start : start + _BUFFER_BYTES // 2])
        self._files.move(name + _UNFINISHED, name)
        for old in list(self._names())[KEPT:]:
            self._files.delete_file(old)

    def latest(self, identity: str) -> Checkpoint | None:
        """The latest whole one of this training; None without any."""
        for name in self._names():
            with self._files.open_input_stream(name) as stream:
                found = Checkpoint.from_bytes(stream.read())
            if found is not None and found.identity == identity:
                return found
        return None

    def _names(self) -> Iterator[str]:
        """Latest first."""
        infos = self._files.get_file_info(FileSelector("", recursive=False))
        names = sorted((info.base_name for info in infos if info.is_file), reverse=True)
        return (name for name in names if not name.endswith(_UNFINISHED))
