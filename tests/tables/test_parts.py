"""Files that workers write themselves are rows of a table once a commit takes them in, and only then."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dataframely as dy
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from userprofile.errors import DataGateError
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.ops import WrittenParts
from userprofile.tables.parts import write_part
from userprofile.tables.store import Store, TableVersion


class Visits(dy.Schema):
    """One row per user and date."""

    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)
    pages = dy.List(dy.Int32(nullable=False), nullable=True)


TABLE = "gold.visits"
FIRST, SECOND, THIRD = (dt.date(2024, month, 1) for month in (1, 2, 3))
COLUMNS = arrow_schema(Visits).remove(1)


@pytest.fixture
def store(spark, tmp_path):
    (tmp_path / "warehouse").mkdir()
    return Store(spark, str(tmp_path / "warehouse"), run_id="run 1")


def written(store, *users, day=FIRST, table=TABLE):
    batches = pa.table({"user_id": users, "pages": [[1, 2]] * len(users)}, COLUMNS).to_batches(max_chunksize=2)
    part = write_part(batches, COLUMNS, root=store.root, table=table, partition="as_of_date", value=str(day))
    return pl.DataFrame([part], WrittenParts.create_empty().schema)


def replace(store, parts, *dates):
    return store.replace_parts(parts, TABLE, Visits, partition="as_of_date", values=[str(day) for day in dates])


def held(store):
    frame = store.read(store.pin(TABLE), Visits)
    return sorted((row["user_id"], row["as_of_date"], row["pages"]) for row in frame.collect())


def rows(*users, day=FIRST):
    return [(user, day, [1, 2]) for user in users]


def test_a_date_is_replaced_and_others_stay(store):
    both = pl.concat([written(store, "a", "b", "c"), written(store, "a", day=SECOND)])
    assert replace(store, both, FIRST, SECOND).rows == 4
    assert held(store) == sorted([*rows("a", "b", "c"), *rows("a", day=SECOND)])
    again = replace(store, written(store, "d"), FIRST, THIRD)
    assert again == TableVersion(TABLE, store.pin(TABLE).version, 1)
    assert store.pin(TABLE).rows == 2
    assert held(store) == sorted([*rows("d"), *rows("a", day=SECOND)])
    replace(store, both.clear(), SECOND)
    assert held(store) == rows("d")
    assert {path.name for path in Path(store.path(TABLE)).glob("*=*")} == {
        f"as_of_date={FIRST}",
        f"as_of_date={SECOND}",
    }


def test_without_values_all_rows_are_replaced(store):
    replace(store, pl.concat([written(store, "a"), written(store, "a", day=SECOND)]), FIRST, SECOND)
    replace(store, written(store, "b", day=SECOND))
    assert held(store) == rows("b", day=SECOND)


def test_what_no_commit_takes_in_is_no_row(store):
    replace(store, written(store, "a"), FIRST)
    written(store, "lost")
    assert held(store) == rows("a")
    assert store.pin(TABLE).rows == 1


def test_parts_of_other_tables_are_left_alone(store):
    parts = pl.concat([written(store, "a"), written(store, "b", table="gold.others")])
    assert replace(store, parts, FIRST).rows == 1
    assert held(store) == rows("a")


def test_a_table_with_other_partitions_is_refused_with_the_fix(store):
    columns = "user_id string, as_of_date date, pages array<int>"
    frame = store.spark.createDataFrame([("a", FIRST, [1])], columns)
    store.replace(frame, TABLE, Visits)
    with pytest.raises(DataGateError, match=r"gold\.visits was written with other partitions") as raised:
        replace(store, written(store, "b"), FIRST)
    assert (raised.value.expected, raised.value.received) == ("as_of_date", "none")
    assert held(store) == [("a", FIRST, [1])]


def test_a_commit_names_its_run(store, tmp_path):
    version = replace(store, written(store, "a"), FIRST).version
    log = tmp_path / f"warehouse/gold/visits/_delta_log/{version:020}.json"
    assert '"userMetadata":"run 1"' in log.read_text()


def test_values_that_recur_are_in_dictionaries_and_floats_are_not(tmp_path):
    leaves = pa.struct([("name", pa.string()), ("score", pa.float64())])
    rows = pa.table(
        {
            "user_id": ["a"] * 3,
            "spend": [1.5] * 3,
            "ages": pa.array([[1.0]] * 3, pa.list_(pa.float32())),
            "pages": [[1, 2]] * 3,
            "likes": pa.array([[{"name": "Tea", "score": 0.5}]] * 3, pa.list_(leaves)),
        }
    )
    part = write_part(rows.to_batches(), rows.schema, root=str(tmp_path), table=TABLE)
    file = pq.ParquetFile(tmp_path / "gold/visits" / part["path"])
    group = file.metadata.row_group(0)
    has_dictionary = {group.column(place).path_in_schema: group.column(place).has_dictionary_page for place in range(6)}
    assert has_dictionary == {
        "user_id": True, "spend": False, "ages.list.element": False, "pages.list.element": True,
        "likes.list.element.name": True, "likes.list.element.score": False,
    }  # fmt: skip
    assert file.read().equals(rows)
