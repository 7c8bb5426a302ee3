"""The shuffle: whole users, exact partitions, declared columns."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType, TimestampType

from userprofile.errors import UserprofileError
from userprofile.spark.per_user import ROWS_PER_BATCH, declared_batches, per_user, spark_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

COUNTED = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("events", pa.int64(), nullable=False),
        pa.field("items", pa.list_(pa.field("element", pa.int64(), nullable=False)), nullable=False),
        pa.field("call", pa.string(), nullable=False),
    ]
)


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    """300 events of 23 users, spread over five partitions so that no user is whole before the shuffle."""
    return spark.range(0, 300, 1, 5).selectExpr("concat('u', id % 23) AS user_id", "id AS item")


def count_items(events: pl.DataFrame) -> pl.DataFrame:
    """One row per user; `call` tells the calls of this function apart."""
    per_user_rows = events.group_by("user_id").agg(events=pl.len(), items=pl.col("item").sort())
    return per_user_rows.with_columns(call=pl.lit(str(sorted(per_user_rows["user_id"]))).cast(pl.Categorical))


def test_each_user_is_whole_and_counted_once(events: DataFrame) -> None:
    rows = per_user(events, count_items, schema=COUNTED, partitions=3).collect()
    expected = Counter(f"u{item % 23}" for item in range(300))
    assert {row.user_id: row.events for row in rows} == expected
    assert len(rows) == len(expected)
    assert all(row["items"] == [item for item in range(300) if f"u{item % 23}" == row.user_id] for row in rows)


def test_one_call_a_partition_and_none_for_an_empty_one(events: DataFrame) -> None:
    few = events.where("user_id IN ('u1', 'u2')")
    shuffled = per_user(few, count_items, schema=COUNTED, partitions=8)
    assert shuffled.rdd.getNumPartitions() == 8
    assert 1 <= len({row.call for row in shuffled.collect()}) <= 2


def test_a_function_that_renames_a_column_is_refused_with_both_schemas() -> None:
    frame = pl.DataFrame({"user_id": ["a"], "event": [1], "items": [[1]], "call": ["x"]})
    with pytest.raises(UserprofileError, match="event") as refused:
        list(declared_batches(frame, COUNTED))
    assert "events: int64" in refused.value.expected
    assert "event: Int64" in refused.value.received


@pytest.mark.parametrize("spoilt", [{"events": [1.5]}, {"events": [None]}, {"events": ["many"]}])
def test_a_value_that_the_declared_type_cannot_hold_is_refused(spoilt: dict[str, list[object]]) -> None:
    frame = pl.DataFrame({"user_id": ["a"], "items": [[1]], "call": ["x"], **spoilt})
    with pytest.raises(UserprofileError, match="cannot hold"):
        list(declared_batches(frame, COUNTED))


def test_polars_own_types_become_the_declared_ones_in_bounded_batches() -> None:
    rows = ROWS_PER_BATCH * 2 + 1
    frame = pl.DataFrame({"call": ["x"] * rows, "items": [[1, 2]] * rows, "user_id": ["a"] * rows}).with_columns(
        pl.col("call").cast(pl.Enum(["x"])), pl.col("items").cast(pl.List(pl.UInt32)), events=pl.lit(1, pl.UInt32)
    )
    batches = list(declared_batches(frame, COUNTED))
    assert [batch.num_rows for batch in batches] == [ROWS_PER_BATCH, ROWS_PER_BATCH, 1]
    assert all(batch.schema == COUNTED for batch in batches)


def test_spark_schema_keeps_nullability_and_time_zones() -> None:
    numbers = pa.list_(pa.field("element", pa.int32(), nullable=False))
    schema = pa.schema(
        [pa.field("name", pa.string()), pa.field("numbers", numbers, nullable=False), ("at", pa.timestamp("us", "UTC"))]
    )
    assert spark_schema(schema) == StructType(
        [
            StructField("name", StringType(), nullable=True),
            StructField("numbers", ArrayType(IntegerType(), containsNull=False), nullable=False),
            StructField("at", TimestampType(), nullable=True),
        ]
    )
