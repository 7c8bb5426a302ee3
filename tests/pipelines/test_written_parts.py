"""What a worker computes becomes files of a table: the declared columns, in the declared types, one file a value."""

from __future__ import annotations

import dataframely as dy
import polars as pl
import pytest

from userprofile.errors import UserprofileError
from userprofile.pipelines.written_parts import written_parts


class Counts(dy.Schema):
    """One row per user and split."""

    user_id = dy.String(primary_key=True)
    split = dy.String(primary_key=True)
    events = dy.Int32(nullable=False)


ROWS = pl.DataFrame({"events": [1, 2, 3], "split": ["test", "train", "train"], "user_id": ["a", "b", "c"], "more": 0})


def write(rows, folder):
    return written_parts(rows, Counts, root=str(folder), table="gold.counts", partition="split")


def test_each_value_has_its_file_with_the_declared_columns(tmp_path):
    parts = write(ROWS, tmp_path).sort("partition")
    assert parts.select("table", "partition", "rows").rows() == [
        ("gold.counts", "test", 1),
        ("gold.counts", "train", 2),
    ]
    files = [tmp_path / "gold" / "counts" / path for path in parts["path"]]
    assert [file.stat().st_size for file in files] == parts["bytes"].to_list()
    kept = pl.read_parquet(files[1], hive_partitioning=False)
    assert kept.schema == {"user_id": pl.String, "events": pl.Int32}
    assert kept.rows() == [("b", 2), ("c", 3)]


def test_rows_of_a_value_are_one_file_in_their_order_wherever_they_stood(tmp_path):
    mixed = ROWS.with_columns(split=pl.Series(["train", "test", "train"]))
    parts = write(mixed, tmp_path)
    assert parts.select("partition", "rows").rows() == [("test", 1), ("train", 2)]
    kept = pl.read_parquet(tmp_path / "gold" / "counts" / parts["path"][1], hive_partitioning=False)
    assert kept.rows() == [("a", 1), ("c", 3)]


def test_no_rows_are_no_files(tmp_path):
    assert write(ROWS.clear(), tmp_path).height == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [None, 2**40], ids=["null", "too great"])
def test_what_the_declared_type_cannot_hold_is_refused_before_there_is_a_file(tmp_path, wrong):
    with pytest.raises(UserprofileError, match="values that the declared types cannot hold"):
        write(ROWS.with_columns(events=pl.lit(wrong, pl.Int64)), tmp_path)
    assert list(tmp_path.iterdir()) == []
