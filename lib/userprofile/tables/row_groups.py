"""The row groups of a pinned table version, for readers that go past Spark to the Parquet files.

A raw reader knows nothing of what Delta keeps beside the files. What such a reader would get wrong is refused here:
rows deleted by a deletion vector would come back, and mapped columns would have other names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from operator import itemgetter
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from userprofile.errors import ConflictError, DataGateError, UsageError
from userprofile.quoting import quoted_name

# Reader features that leave the Parquet files readable as they are, or that are looked into below.
_UNDERSTOOD = {"columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}

_FOOTERS_AT_ONCE = 8


def row_groups(
    path: str, version: int, *, partition: Mapping[str, str] | None = None, made_by: str = "build_training_set"
) -> list[tuple[str, int, int]]:
    """(file, index in the file, rows) of every row group of the version, in the order of file names.

    `path` and files are local paths or URIs. `partition` keeps files of these partition values and needs a table
    partitioned by these columns. Partition columns are not in the files. Errors name the job that the table is
    `made_by`. Raises UsageError where there is no such table or version, DataGateError where the files alone do not
    hold the table, ConflictError where a file is gone.
    """
    table = _open(path, version, made_by)
    _require_plain_files(table, path)
    files = sorted(_files(table, path, partition or {}, made_by))
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as threads:
        footers = threads.map(partial(_footer, made_by=made_by), files)
        return [
            (file, index, footer.row_group(index).num_rows)
            for file, footer in zip(files, footers, strict=True)
            for index in range(footer.num_row_groups)
        ]


def columns_of(path: str, version: int, *, made_by: str = "build_features") -> pa.Schema:
    """All columns of the version, those of its partitions too. Raises UsageError as row_groups does."""
    return pa.schema(_open(path, version, made_by).schema().to_arrow())


def by_partition(groups: Iterable[tuple[str, int, int]], column: str) -> dict[str, list[tuple[str, int, int]]]:
    """The row groups of each value of the partition column, as their files' paths tell it."""
    found: dict[str, list[tuple[str, int, int]]] = {}
    for group in groups:
        value = group[0].rsplit(f"/{column}=", 1)[1].split("/", 1)[0]
        found.setdefault(unquote(value), []).append(group)
    return found


def read_row_groups(groups: Iterable[tuple[str, int, int]], schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, of at least one row group; null where an older file has no such column yet."""
    of_files = groupby(groups, key=itemgetter(0))
    return pa.concat_tables(_read(file, [place for _, place, _ in some], schema) for file, some in of_files)


def _read(file: str, places: list[int], schema: pa.Schema) -> pa.Table:
    with pq.ParquetFile(file, coerce_int96_timestamp_unit="us") as parquet:
        there = [name for name in schema.names if name in parquet.schema_arrow.names]
        rows = parquet.read_row_groups(places, columns=there)
    columns = [rows[field.name] if field.name in there else pa.nulls(rows.num_rows, field.type) for field in schema]
    return pa.table(columns, schema.names).cast(schema)


def _open(path: str, version: int, made_by: str) -> DeltaTable:
    try:
        return DeltaTable(path, version=version)
    except (DeltaError, OSError) as reason:
        raise UsageError(
            f"version {version} of the Delta table at {path} cannot be opened",
            expected="a table with this version, its log not yet cleaned up",
            received=str(reason).splitlines()[0],
            fix=f"make {made_by}, and read the version that it prints",
        ) from reason


def _require_plain_files(table: DeltaTable, path: str) -> None:
    protocol = table.protocol()
    features = set(protocol.reader_features or ())
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    if unknown := features - _UNDERSTOOD:
        raise _refused(path, f"the reader features {', '.join(sorted(unknown))}", "write it anew without them")
    if mapping != "none":
        raise _refused(path, f"column mapping by {mapping}", "write it anew with delta.columnMapping.mode = none")
    if "deletionVectors" in features and _has_deletion_vectors(table):
        raise _refused(
            path, "deletion vectors", f"REORG TABLE delta.{quoted_name(path)} APPLY (PURGE), and read that version"
        )


def _has_deletion_vectors(table: DeltaTable) -> bool:
    """Also true where a vector cannot be read: it is there."""
    try:
        return any(batch.num_rows for batch in table.deletion_vectors())
    except DeltaError:
        return True


def _files(table: DeltaTable, path: str, partition: Mapping[str, str], made_by: str) -> Iterator[str]:
    if missing := set(partition) - set(table.metadata().partition_columns):
        raise DataGateError(
            f"the table at {path} is not partitioned as it is read",
            expected=f"partitioned by {', '.join(sorted(missing))}",
            received=f"partitioned by {', '.join(table.metadata().partition_columns) or 'nothing'}",
            fix=f"make {made_by}",
        )
    for action in pa.table(table.get_add_actions()).to_pylist():
        values = action.get("partition") or {}
        if all(str(values[column]) == value for column, value in partition.items()):
            yield _location(path, unquote(action["path"]))


def _location(path: str, file: str) -> str:
    """The log names files relative to the table, except those that a shallow clone shares with another table."""
    return file if "://" in file or file.startswith("/") else f"{path.rstrip('/')}/{file}"


def _footer(file: str, *, made_by: str) -> pq.FileMetaData:
    try:
        return pq.read_metadata(file)
    except FileNotFoundError as reason:
        raise ConflictError(
            f"a data file of the pinned version is gone: {file}",
            expected="every file of the version",
            received="a table that was vacuumed or rewritten by hand",
            fix=f"make {made_by}, and read the version that it prints",
        ) from reason


def _refused(path: str, found: str, fix: str) -> DataGateError:
    return DataGateError(
        f"the table at {path} cannot be read from its files alone",
        expected="plain Parquet files that hold exactly the rows of the version",
        received=found,
        fix=fix,
    )
