"""A pinned version's row groups, and the refusal of what a raw reader would get wrong."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import WriterProperties, write_deltalake

from userprofile.errors import ConflictError, DataGateError, UsageError
from userprofile.tables.row_groups import read_row_groups, row_groups

# Rows 3, 4, 7, 11, 18 and 29: the example of the Delta protocol's chapter on deletion vectors.
INLINE_VECTOR = {
    "storageType": "i",
    "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
    "sizeInBytes": 40,
    "cardinality": 6,
}


def split_table(folder: Path, *, rows: int = 40) -> str:
    """Three quarters of the rows are train, the rest test; ten rows a row group."""
    table = pa.table({"value": range(rows), "split": ["train"] * (rows * 3 // 4) + ["test"] * (rows - rows * 3 // 4)})
    properties = WriterProperties(max_row_group_size=10)
    write_deltalake(str(folder), table, partition_by=["split"], mode="append", writer_properties=properties)
    return str(folder)


def rewrite_log(folder: Path, kind: str, change) -> None:
    """Change the actions of one kind in the first commit."""
    log = folder / "_delta_log" / "00000000000000000000.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if kind in action:
            change(action[kind])
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))


def declare(folder: Path, *features: str, **settings: str) -> None:
    rewrite_log(
        folder,
        "protocol",
        lambda protocol: protocol.update(
            minReaderVersion=3, minWriterVersion=7, readerFeatures=[*features], writerFeatures=[*features]
        ),
    )
    rewrite_log(folder, "metaData", lambda metadata: metadata["configuration"].update(settings))


def give_physical_names(metadata: dict) -> None:
    schema = json.loads(metadata["schemaString"])
    for number, field in enumerate(schema["fields"], start=1):
        field["metadata"] = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    metadata["schemaString"] = json.dumps(schema)


def test_row_groups_of_a_partition_hold_its_rows_once(tmp_path):
    path = split_table(tmp_path)
    found = row_groups(path, 0, partition={"split": "train"})
    assert [rows for _, _, rows in found] == [10, 10, 10]
    values = [v for file, i, _ in found for v in pq.ParquetFile(file).read_row_group(i)["value"].to_pylist()]
    assert sorted(values) == list(range(30))


def test_the_pin_holds_while_the_table_grows(tmp_path):
    path = split_table(tmp_path / "a table of 100%")
    before = row_groups(path, 0)
    split_table(Path(path))
    assert row_groups(path, 0) == before
    assert sum(rows for *_, rows in row_groups(path, 1)) == 2 * sum(rows for *_, rows in before)


def test_a_partition_that_holds_nothing_has_no_row_groups(tmp_path):
    assert row_groups(split_table(tmp_path), 0, partition={"split": "validation"}) == []


def test_another_partitioning_is_refused(tmp_path):
    with pytest.raises(DataGateError, match="expected: partitioned by day"):
        row_groups(split_table(tmp_path), 0, partition={"day": "1"})


@pytest.mark.parametrize("vector", [INLINE_VECTOR, {**INLINE_VECTOR, "storageType": "u"}], ids=["inline", "file gone"])
def test_deletion_vectors_are_refused(tmp_path, vector):
    path = split_table(tmp_path)
    declare(tmp_path, "deletionVectors", **{"delta.enableDeletionVectors": "true"})
    rewrite_log(tmp_path, "add", lambda add: add.update(deletionVector=vector))
    with pytest.raises(DataGateError, match="received: deletion vectors"):
        row_groups(path, 0)


def test_a_table_that_may_have_deletion_vectors_but_has_none_is_read(tmp_path):
    path = split_table(tmp_path)
    declare(tmp_path, "deletionVectors", **{"delta.enableDeletionVectors": "true"})
    assert sum(rows for *_, rows in row_groups(path, 0)) == 40


def test_column_mapping_is_refused(tmp_path):
    path = str(tmp_path)
    write_deltalake(path, pa.table({"value": [1, 2]}))
    declare(tmp_path, "columnMapping", **{"delta.columnMapping.mode": "name"})
    rewrite_log(tmp_path, "metaData", give_physical_names)
    with pytest.raises(DataGateError, match="received: column mapping by name"):
        row_groups(path, 0)


def test_a_missing_version_table_or_file_is_named(tmp_path):
    path = split_table(tmp_path)
    with pytest.raises(UsageError, match="version 7 of the Delta table"):
        row_groups(path, 7)
    with pytest.raises(UsageError, match="version 0 of the Delta table"):
        row_groups(f"{path}-elsewhere", 0)
    Path(row_groups(path, 0)[0][0]).unlink()
    with pytest.raises(ConflictError, match="is gone"):
        row_groups(path, 0)


def test_row_groups_are_read_in_the_columns_asked_for_and_null_where_a_file_has_none_yet(tmp_path):
    """Times too, which Spark writes as INT96: to the microsecond, and beyond what nanoseconds reach."""
    noon = dt.datetime(2300, 7, 1, 12, 0, 0, 1, tzinfo=dt.UTC)
    older = pa.table({"value": [1, 2], "at": pa.array([noon, None], pa.timestamp("us", "UTC"))})
    newer = older.append_column("rating", pa.array([0.5, None]))
    for name, table in (("older", older), ("newer", newer)):
        pq.write_table(table, tmp_path / name, use_deprecated_int96_timestamps=True)
    schema = pa.schema([("rating", pa.float64()), ("at", pa.timestamp("us", "UTC"))])
    found = read_row_groups([(str(tmp_path / name), 0, 2) for name in ("older", "newer")], schema)
    assert found.schema == schema
    assert found.to_pylist() == [
        {"rating": rating, "at": at} for rating, at in [(None, noon), (None, None), (0.5, noon), (None, None)]
    ]
