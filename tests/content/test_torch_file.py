"""A file of PyTorch's weights is read for its tensors, and whatever else it says is refused, not run."""

from __future__ import annotations

import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from userprofile.content.torch_file import tensors_of_torch_file
from userprofile.errors import DataGateError

MAGIC = 0x1950A86A20F9469CFC6C
SIZES = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
NUMBERS = np.arange(12, dtype=np.float32)


class Tensor:
    """Pickles as PyTorch's tensors do."""

    def __init__(self, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.place = (offset, shape, stride)

    def __reduce__(self) -> tuple[Any, ...]:
        torch = sys.modules["torch"]
        storage = ("storage", torch.FloatStorage, "7", "cpu", NUMBERS.size, None)  # type: ignore[attr-defined]
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (storage, *self.place, False, OrderedDict())  # type: ignore[attr-defined]


class Writer(pickle.Pickler):
    """Stands a storage outside the pickle."""

    def persistent_id(self, value: object) -> object:
        return value if isinstance(value, tuple) and value[:1] == ("storage",) else None


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Writes a file as torch.save did, with names that look like PyTorch's."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})  # type: ignore[attr-defined]

    def rebuild(*arguments: object) -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def write(content: object, *, magic: int = MAGIC, cut: int = 0) -> Path:
        path = tmp_path / "weights.pth"
        with path.open("wb") as file:
            for header in (magic, 1001, SIZES):
                pickle.dump(header, file, protocol=2)
            Writer(file, protocol=2).dump(content)
            pickle.dump(["7"], file, protocol=2)
            file.write(NUMBERS.size.to_bytes(8, "little") + NUMBERS.tobytes()[: NUMBERS.nbytes - cut])
        return path

    return write


def test_tensors_come_in_their_shapes_and_order(written) -> None:  # type: ignore[no-untyped-def]
    read = tensors_of_torch_file(
        written(OrderedDict(plain=Tensor(0, (3, 4), (4, 1)), turned=Tensor(4, (4, 2), (1, 4))))
    )
    np.testing.assert_array_equal(read["plain"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(read["turned"], NUMBERS.reshape(3, 4)[1:].T)


class Command:
    """What a hostile file would do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {os.environ['HOSTILE_MARK']}",)


def test_a_file_that_would_run_something_is_refused_and_nothing_runs(
    written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    mark = tmp_path / "mark"
    monkeypatch.setenv("HOSTILE_MARK", str(mark))
    with pytest.raises(DataGateError, match="system is no tensor"):
        tensors_of_torch_file(written(OrderedDict(plain=Tensor(0, (3, 4), (4, 1)), hostile=Command())))
    assert not mark.exists()


@pytest.mark.parametrize("place", [(4, (3, 4), (4, 1)), (-1, (2,), (1,)), (0, (2, 2), (99, 1)), (5, (3,), (-2,))])
def test_a_tensor_outside_its_storage_is_refused(written, place: tuple[Any, ...]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataGateError, match="outside its storage"):
        tensors_of_torch_file(written(OrderedDict(one=Tensor(*place))))


def test_other_files_are_refused(written, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one = OrderedDict(one=Tensor(0, (12,), (1,)))
    other = tmp_path / "other.pth"
    other.write_bytes(b"PK\x03\x04 rubbish")
    for path in (other, written(one, magic=1), written(one, cut=4), written(OrderedDict(one=3))):
        with pytest.raises(DataGateError, match="no file of weights"):
            tensors_of_torch_file(path)
