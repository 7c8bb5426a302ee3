"""What a pure Polars function made, on its way back to Spark: in the declared columns and types, or refused."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from userprofile.errors import UserprofileError

# Rows of one batch on the way back to the JVM: with sequences of 50 events a batch stays below about 20 MB.
ROWS_PER_BATCH = 10_000


def spark_schema(schema: pa.Schema) -> StructType:
    """The same columns as Spark's type: nullability kept, points in time with a zone as TIMESTAMP."""
    return from_arrow_schema(schema)


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
