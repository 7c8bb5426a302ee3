"""Files of a partitioned table that workers write themselves; one commit takes them in (Store.replace_parts)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import PyFileSystem

# Of training examples with sequences of 200 events about 45 MB in the file; training deals row groups to its ranks.
_ROWS_PER_GROUP = 20_000


def write_part(
    rows: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    root: str,
    table: str,
    partition: str = "",
    value: str = "",
    label: str = "",
) -> dict[str, Any]:
    """Write rows of one value of the partition column, without that column, to a new file; its row of WrittenParts.

    Without `partition`, rows of a table that has none.
    The file's name begins with the label. `root` is a store's, and must be there if it is a folder. A file that no
    commit takes in, as of a task that Spark did again, is no part of the table; Delta's vacuum removes it.
    """
    folder = f"{partition}={value}/" if partition else ""
    path = f"{folder}part-{label}{uuid4()}.parquet"
    written = pa.Table.from_batches(rows, schema)
    files = PyFileSystem(DeltaStorageHandler(root))
    whole_path = f"{table.replace('.', '/')}/{path}"
    recurring = _recurring(schema)
    pq.write_table(written, whole_path, row_group_size=_ROWS_PER_GROUP, use_dictionary=recurring, filesystem=files)
    size = files.get_file_info(whole_path).size
    return {"table": table, "path": path, "partition": value, "rows": written.num_rows, "bytes": size}


@cache
def _recurring(schema: pa.Schema) -> list[str]:
    """Paths of the columns that dictionaries make smaller: all but those of floats, whose values seldom recur."""
    empty = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), empty)
    columns = pq.ParquetFile(empty.getvalue()).schema
    return [column.path for column in columns if column.physical_type not in ("FLOAT", "DOUBLE")]


def add_actions(parts: pl.DataFrame, partition: str) -> list[AddAction | RemoveAction]:
    """What a commit says of each of WrittenParts."""
    now = int(time.time() * 1000)
    return [
        AddAction(path, size, values, now, data_change=True, stats=json.dumps({"numRecords": rows}))
        for path, value, rows, size in parts.select("path", "partition", "rows", "bytes").iter_rows()
        for values in [{partition: value} if partition else {}]
    ]
