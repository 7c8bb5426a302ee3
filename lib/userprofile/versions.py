"""Which version of a part is here, and which is wanted. Pins are written in setup.cfg and read from there."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.resources.abc import Traversable

# Where a platform brings the parts, or no pins came along (code shipped as a zip): from the first, below the second.
RANGES = {
    "python": ("3.11", "3.14"),
    "java": ("17", "22"),
    "pyspark": ("4.0", "5"),
    "delta-spark": ("4.0", "5"),
    "tensorflow": ("2.18", "2.22"),
    "keras": ("3.5", "4"),
    "pandas": ("2.2", "3"),
    "polars": ("1.30", "3"),
    "pyarrow": ("18", "27"),
    "deltalake": ("1.0", "2"),
    "dataframely": ("2.0", "4"),
    "horovod": ("0.28.1", "0.29"),
}
MANAGED = ("DATABRICKS_RUNTIME_VERSION", "USERPROFILE_MANAGED")


def is_managed() -> bool:
    """Does a platform bring Spark and the libraries? USERPROFILE_MANAGED=1 says so where it is not known."""
    return any(os.environ.get(name) for name in MANAGED)


def pins() -> dict[str, str]:
    """Distribution -> pinned version, as the installed package declares; empty where ranges count instead."""
    try:
        requirements = metadata.requires("userprofile") or []
    except metadata.PackageNotFoundError:
        return {}
    exact = (re.match(r"([A-Za-z0-9_.-]+)==([^;\s]+)", line) for line in requirements)
    return {} if is_managed() else {pin[1].lower(): pin[2] for pin in exact if pin}


def installed(*distributions: str) -> str:
    """The version of the first that is installed; empty when none is."""
    for distribution in distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return ""


@cache
def code_version() -> str:
    """A short fingerprint of the package's own source files, wherever they were loaded from."""
    hasher = hashlib.sha256()
    for name, source in sorted(_sources(importlib.resources.files("userprofile"), "")):
        hasher.update(name.encode() + b"\0" + source)
    return hasher.hexdigest()[:12]


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".html", ".css")):
            yield prefix + entry.name, entry.read_bytes()


def within(version: str, name: str) -> bool:
    """Is a version in the range of its part? Only the numbers count, not a suffix such as rc1."""
    low, high = (_numbers(bound) for bound in RANGES[name])
    return low <= _numbers(version) < high


def range_text(name: str) -> str:
    """The range of a part, as pip writes it."""
    low, high = RANGES[name]
    return f">={low},<{high}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0]))
