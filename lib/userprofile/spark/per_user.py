"""The one shuffle: every event moves once, then whole users meet a pure Polars function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from userprofile.errors import UserprofileError

# Rows of one batch on the way back to the JVM: with sequences of 50 events a batch stays below about 20 MB.
ROWS_PER_BATCH = 10_000


def spark_schema(schema: pa.Schema) -> StructType:
    """The same columns as Spark's type: nullability kept, points in time with a zone as TIMESTAMP."""
    return from_arrow_schema(schema)


def per_user(
    events: DataFrame,
    function: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    schema: pa.Schema,
    partitions: int,
    by: Sequence[str] = ("user_id",),
) -> DataFrame:
    """Rows that `function` makes of whole users, or of what else `by` keeps together; the grain is its own.

    Events are shuffled by hash of `by` into exactly `partitions` partitions; each reaches one call of `function`
    as one frame, rows in no order, columns as in `events`. Empty partitions are not handed over. The result must have
    the columns of `schema`, in any order; values are cast to its types and refused when that loses something.
    `function` runs on executors: it must pickle (a module's function, or a partial of one) and reach for nothing.
    """

    def rows_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        received = list(batches)
        if sum(batch.num_rows for batch in received):
            yield from declared_batches(function(frame_of(received)), schema)

    return events.repartition(partitions, *by).mapInArrow(rows_of_partition, spark_schema(schema))


def frame_of(batches: list[pa.RecordBatch]) -> pl.DataFrame:
    """One frame of many batches; the list is emptied, so that rows are not held twice."""
    frame = pl.DataFrame(pa.Table.from_batches(batches))
    batches.clear()
    return frame.rechunk()


def declared_batches(rows: pl.DataFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows in the declared columns and types, as batches of at most ROWS_PER_BATCH rows."""
    if sorted(rows.columns) != sorted(schema.names):
        raise UserprofileError(
            f"a function per user made other columns than declared: {sorted({*rows.columns} ^ {*schema.names})}",
            expected=", ".join(f"{field.name}: {field.type}" for field in schema),
            received=", ".join(f"{name}: {dtype}" for name, dtype in rows.schema.items()),
            fix="declare them in the feature catalogue, or leave them out of the function's result",
        )
    for part in rows.select(schema.names).iter_slices(ROWS_PER_BATCH):
        yield from _cast(part.to_arrow(compat_level=pl.CompatLevel.oldest()), schema).to_batches()


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    try:
        return table.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise UserprofileError(
            f"a function per user made values that the declared types cannot hold: {error}",
            expected=", ".join(str(field) for field in schema),
            received=", ".join(str(field) for field in table.schema),
            fix="cast in the function, or widen the declared type",
        ) from error
