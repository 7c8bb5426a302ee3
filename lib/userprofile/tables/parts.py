"""Files of a table partitioned by as_of_date that workers write themselves; one commit takes them in (Store)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import PyFileSystem

PARTITION = "as_of_date"


def write_part(
    rows: Iterable[pa.RecordBatch], schema: pa.Schema, *, root: str, table: str, day: date
) -> dict[str, Any]:
    """Write rows of one date, without the column that tells it, to a new file; the row of WrittenParts about it.

    `root` is a store's, and must be there if it is a folder. A file that no commit takes in, as of a task that Spark
    did again, is no part of the table; Delta's vacuum removes it.
    """
    path = f"{PARTITION}={day}/part-{uuid4()}.parquet"
    written = pa.Table.from_batches(rows, schema)
    files = PyFileSystem(DeltaStorageHandler(root))
    whole_path = f"{table.replace('.', '/')}/{path}"
    pq.write_table(written, whole_path, filesystem=files)
    size = files.get_file_info(whole_path).size
    return {"table": table, "path": path, PARTITION: day, "rows": written.num_rows, "bytes": size}


def add_actions(parts: pl.DataFrame) -> list[AddAction | RemoveAction]:
    """What a commit says of each of WrittenParts."""
    now = int(time.time() * 1000)
    return [
        AddAction(path, size, {PARTITION: str(day)}, now, data_change=True, stats=json.dumps({"numRecords": rows}))
        for path, day, rows, size in parts.select("path", PARTITION, "rows", "bytes").iter_rows()
    ]
