"""The shuffle of columns: whole users, whatever the files, and the same rows without it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.spark.columnar import USER, dealt, moving, moving_rows, rows_of

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

USERS = [f"{number * 40_507 % 2**32:08x}{number:024x}" for number in range(23)]
GROUPS = [("first", 0, 90), ("first", 1, 10), ("second", 0, 200)]
EVENTS = pa.schema([pa.field("user_id", pa.string()), pa.field("item", pa.int64())])
COUNTED = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("items", pa.list_(pa.field("element", pa.int64(), nullable=False)), nullable=False),
        pa.field("call", pa.string(), nullable=False),
    ]
)


def read(groups: list[tuple[str, int, int]]) -> pl.DataFrame:
    """Stands for files: 300 numbered events, of 23 users in turn."""
    first = {group: sum(rows for *_, rows in GROUPS[:place]) for place, group in enumerate(GROUPS)}
    numbers = [first[tuple(group)] + row for group in groups for row in range(group[2])]
    users = [USERS[number % 23] for number in numbers]
    return pl.DataFrame({"user_id": users, "item": numbers}, schema={"user_id": pl.String, "item": pl.Int64})


def items_of(events: pl.DataFrame) -> pl.DataFrame:
    """One row per user; `call` tells the calls of this function apart."""
    rows = events.group_by("user_id").agg(items=pl.col("item").sort())
    return rows.with_columns(call=pl.lit(str(sorted(rows["user_id"]))))


@pytest.mark.parametrize("tasks", [1, 2, 9])
def test_each_user_is_whole_and_comes_once(spark: SparkSession, tasks: int) -> None:
    found = moving(spark, dealt(GROUPS, tasks), read, by=USER, places=3).made_of_whole(items_of, schema=COUNTED)
    assert found.rdd.getNumPartitions() == 3
    require_whole_users(found.collect(), calls=3)


def require_whole_users(rows: list[Row], *, calls: int) -> None:
    assert {row.user_id: row["items"] for row in rows} == {
        user: list(range(place, 300, 23)) for place, user in enumerate(USERS)
    }
    assert len(rows) == 23
    assert len({row.call for row in rows}) == calls


def test_rows_of_a_frame_meet_as_those_of_files(spark: SparkSession) -> None:
    frame = spark.createDataFrame(read(GROUPS).to_arrow()).repartition(4)
    found = moving_rows(frame, lambda rows: rows, by=USER, places=3).made_of_whole(items_of, schema=COUNTED)
    require_whole_users(found.collect(), calls=3)


def test_what_is_made_of_whole_users_moves_on_by_something_else(spark: SparkSession) -> None:
    users = moving(spark, dealt(GROUPS, 2), read, by=USER, places=3)
    lasts = users.moved_on(
        lambda events: events.group_by("user_id").agg(item=pl.col("item").max()), by=pl.col("item"), places=2
    )
    found = lasts.made_of_whole(lambda rows: rows.sort("item").select("user_id", "item"), schema=EVENTS)
    assert found.rdd.getNumPartitions() == 2
    by_place = [[row["item"] for row in rows] for rows in found.rdd.glom().collect()]
    assert sorted(by_place) == [list(range(277, 300, 2)), list(range(278, 300, 2))]


def test_a_log_without_events_has_no_users(spark: SparkSession) -> None:
    for groups in ([], [("empty", 0, 0)]):
        nobody = moving(spark, dealt(groups, 2), lambda _: read([]), by=USER, places=2)
        assert nobody.made_of_whole(items_of, schema=COUNTED).collect() == []


def test_rows_are_those_that_are_read(spark: SparkSession) -> None:
    rows = rows_of(spark, dealt(GROUPS, 2), read, schema=EVENTS).collect()
    assert Counter(row["item"] for row in rows) == Counter(range(300))


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 9))
def test_every_row_group_is_dealt_once_in_order_and_evenly(sizes: list[int], tasks: int) -> None:
    groups = [("file", place, rows) for place, rows in enumerate(sizes)]
    lists = dealt(groups, tasks)
    assert [group for some in lists for group in some] == [group for group in groups if group[2]]
    assert len(lists) <= tasks
    assert all(lists)
    most = max(sizes, default=0) + sum(sizes) / tasks
    assert all(sum(rows for *_, rows in some) <= most for some in lists)
