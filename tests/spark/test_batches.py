"""What goes back to Spark: declared columns, or a refusal that shows both sides."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType, TimestampType

from userprofile.errors import UserprofileError
from userprofile.spark.batches import ROWS_PER_BATCH, declared_batches, spark_schema

COUNTED = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("events", pa.int64(), nullable=False),
        pa.field("items", pa.list_(pa.field("element", pa.int64(), nullable=False)), nullable=False),
        pa.field("call", pa.string(), nullable=False),
    ]
)


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
