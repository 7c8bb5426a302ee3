"""Who may write on a local disk; an object store decides between writers by itself."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from userprofile.errors import ConflictError


@contextmanager
def one_job(root: str) -> Iterator[None]:
    """No other job writes tables below `root` meanwhile; raises ConflictError where one does."""
    if (folder := _local(root)) is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".job.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"another job is writing to {root}", expected="one job at a time", fix="try again when it has ended"
            ) from error
        yield


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
