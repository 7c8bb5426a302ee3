"""What a disk, a cluster or a killed process does to a run, told from a defect of ours by what the libraries say of it.

They have no error classes for it in common: Java's words come through Spark as text, Rust's through deltalake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import deltalake
import pyarrow.parquet as pq

from userprofile.errors import DataGateError, EnvironmentMismatchError, InterruptedRunError, UserprofileError

_NOTHING_HALF = "nothing half-written is read"
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|os error (28|122)\b", re.IGNORECASE)
_READ_ONLY = re.compile(
    r"Permission denied|Read-only file system|Operation not permitted|AccessDenied|Mkdirs failed to create"
    r"|os error (1|13|30)\b",
    re.IGNORECASE,
)
_NO_SPARK = re.compile(
    r"SparkContext was shut down|stopped SparkContext|Answer from Java side is empty|error while sending"
    r"|Error communicating with the Java|An error occurred while trying to connect to the Java server"
    r"|Connection refused|Connection reset|Master removed our application|All masters are unresponsive"
)
_BAD_LOG = re.compile(
    r"_delta_log|log segment|LogReplay|DELTA_(TRUNCATED_TRANSACTION_LOG|LOG_\w+|VERSIONS_NOT_CONTIGUOUS)"
    r"|Kernel error: Json|Invalid JSON in log|Invalid table version|JsonParseException|JsonEOFException",
    re.IGNORECASE,
)
_BAD_FILE = re.compile(
    r"not a Parquet file|FAILED_READ_FILE|CANNOT_READ_FILE_FOOTER|Could not read footer|ParquetDecodingException"
    r"|Parquet magic bytes|Parquet file size|Parquet error|Unexpected end of stream|deserialize thrift"
    r"|out of specification|File does not exist|No such file or directory.*\.parquet|\.parquet.*No such file",
    re.IGNORECASE | re.DOTALL,
)


@contextmanager
def faults_told(root: str) -> Iterator[None]:
    """Raises a foreseen end in the place of what a fault of the machine made a library raise.

    Of damage below `root`, where that is a folder of this machine, it names the file: readers often do not.
    """
    try:
        yield
    except Exception as error:
        if (told := fault_of(error, root)) is None:
            raise
        raise told from error


def require_whole_logs(root: str) -> None:
    """Raises DataGateError where a table's last commit is an empty file, as a power cut leaves it.

    Readers take that for a commit that changed nothing, and what was written by it would be lost unseen.
    """
    for log in Path(root).glob("*/*/_delta_log"):
        last = max(log.glob("*.json"), default=None)
        if last is not None and not last.stat().st_size:
            raise _damaged(_table_of(log.parent), str(last))


def fault_of(error: BaseException, root: str) -> UserprofileError | None:
    """The foreseen end that this error, or one behind it, stands for; None where it may be a defect of ours."""
    if isinstance(error, UserprofileError):
        return None
    said = "\n".join(_chain(error))
    if _DISK_FULL.search(said):
        return EnvironmentMismatchError(
            "a disk is full",
            expected="room for the tables, and for what Spark lays aside (SPARK_LOCAL_DIRS, else /tmp)",
            received=_line(said, _DISK_FULL),
            fix=f"free some room, then run the same command again: {_NOTHING_HALF}",
        )
    if _READ_ONLY.search(said):
        return EnvironmentMismatchError(
            "a folder cannot be written to",
            expected="a warehouse, and folders of models and pages, that this user may write",
            received=_line(said, _READ_ONLY),
            fix=f"correct its owner or mode, or name another folder; then run the same command again: {_NOTHING_HALF}",
        )
    if _BAD_FILE.search(said) or _BAD_LOG.search(said):
        if found := _first_damaged(Path(root)):
            return _damaged(*found)
        if _BAD_FILE.search(said):
            return _damaged("a table", "a file that its reader does not name")
    if _NO_SPARK.search(said):
        return InterruptedRunError(
            "Spark ended amid the run",
            expected="a driver, and a cluster, that live as long as the run",
            received=_line(said, _NO_SPARK),
            fix="run the same command again: finished steps are kept; where memory ran out, raise spark.driver_memory",
        )
    return None


def _damaged(table: str, file: str) -> DataGateError:
    return DataGateError(
        f"a file of {table} is damaged",
        expected="whole files, as they were written",
        received=file,
        fix="bring that file back from a copy; without one remove the table's folder, and make the table again by its"
        " job with FORCE=1 (README, 'When things die')",
    )


def _first_damaged(root: Path) -> tuple[str, str] | None:
    """The first table, and its file, that cannot be read: commits whole, of data files what stands at their end."""
    for log in sorted(root.glob("*/*/_delta_log")):
        for commit in sorted(log.glob("*.json")):
            if not _is_readable(lambda path: [json.loads(line) for line in path.read_text().splitlines()], commit):
                return _table_of(log.parent), str(commit)
        for uri in deltalake.DeltaTable(str(log.parent)).file_uris():
            if not _is_readable(pq.read_metadata, Path(uri)):
                return _table_of(log.parent), uri
    return None


def _is_readable(read: Callable[[Path], object], path: Path) -> bool:
    try:
        read(path)
    except (OSError, ValueError):  # pyarrow's errors are among the latter
        return False
    return True


def _table_of(folder: Path) -> str:
    return f"{folder.parent.name}.{folder.name}"


def _chain(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__


def _line(said: str, pattern: re.Pattern[str]) -> str:
    """The line that tells, without what may be rows."""
    match = pattern.search(said)
    assert match is not None
    start = said.rfind("\n", 0, match.start()) + 1
    return said[start : match.end()].strip()[-200:]
