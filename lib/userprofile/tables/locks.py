"""Who may write on a local disk; an object store decides between writers by itself."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path

from userprofile.errors import ConflictError

_FILE = ".job.lock"


@dataclass(frozen=True)
class Holder:
    """The job that writes a warehouse, as it was started."""

    run_id: str
    job: str
    arguments: tuple[str, ...]
    correlation_id: str
    started_at: str  # ISO 8601, UTC
    process: int


@contextmanager
def one_job(root: str, holder: Holder) -> Iterator[Holder | None]:
    """No other job writes tables below `root` meanwhile; raises ConflictError where one does.

    Gives the holder before, if that one ended without letting go, as a killed process does.
    """
    if (folder := _local(root)) is None:
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / _FILE, "a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = _holder(handle)
            raise ConflictError(
                f"another job is writing to {root}",
                expected="one job at a time",
                received=f"{other.job}, run {other.run_id} since {other.started_at}" if other else "",
                fix="try again when it has ended",
            ) from error
        left = _holder(handle)
        _write(handle, json.dumps(asdict(holder)))
        try:
            yield left
        finally:
            _write(handle, "")


def present_holder(root: str) -> tuple[Holder | None, bool]:
    """Who wrote last and has not let go, and whether it still runs."""
    if (folder := _local(root)) is None or not (folder / _FILE).exists():
        return None, False
    with open(folder / _FILE) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(handle), True
        return _holder(handle), False


def _holder(handle: TextIOWrapper) -> Holder | None:
    """As written in the file; None where it is empty, or cut short by whoever was killed as it wrote."""
    handle.seek(0)
    try:
        told = json.loads(handle.read())
        return Holder(**{**told, "arguments": tuple(told["arguments"])})
    except (ValueError, TypeError, KeyError):
        return None


def _write(handle: TextIOWrapper, text: str) -> None:
    handle.seek(0)
    handle.truncate()
    handle.write(text)
    handle.flush()


@contextmanager
def one_writer(table: str) -> Iterator[None]:
    """Waits until no other process writes to this table: Delta's own commit is atomic within one JVM only."""
    if (folder := _local(table)) is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _local(path: str) -> Path | None:
    """A folder of this machine, where it is one."""
    return None if re.match(r"(?!file:)[a-z][a-z0-9+.-]*:/", path) else Path(re.sub("^file:/+", "/", path))
