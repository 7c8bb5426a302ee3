"""The one shuffle of a log that stands in files: columns go from Parquet to whole users without becoming rows.

A task reads row groups, deals their rows to places by user, and hands each place its rows as one compressed value;
Spark moves these values, and another task puts a place's together. Rows of the JVM would cost more than all that is
computed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from userprofile.spark.batches import declared_batches, spark_schema

RowGroup = tuple[str, int, int]  # a file, the place in it, and how many rows
Read = Callable[[Sequence[RowGroup]], pl.DataFrame]

_MOVED = pa.schema([pa.field("place", pa.int32(), nullable=False), pa.field("rows", pa.binary(), nullable=False)])
_PLACE = "place"

# Whose an event is: the first digits of the pseudonym, which are random, and the same on any machine.
USER = pl.col("user_id").str.head(8).str.to_integer(base=16, dtype=pl.Int64)


def rows_of(spark: SparkSession, work: Sequence[Sequence[RowGroup]], read: Read, *, schema: pa.Schema) -> DataFrame:
    """What `read` makes of the row groups of each task, in the columns of `schema`."""

    def rows_of_task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for mine in _work_of(batches, work):
            yield from declared_batches(read(mine), schema)

    return _tasks(spark, len(work)).mapInArrow(rows_of_task, spark_schema(schema))


def whole_of(
    spark: SparkSession,
    groups: Sequence[RowGroup],
    read: Read,
    function: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    by: pl.Expr,
    schema: pa.Schema,
    tasks: int,
    partitions: int,
) -> DataFrame:
    """Rows that `function` makes of all rows that share `by`, a number >= 0; the columns are those of `schema`.

    `read` makes rows of row groups. All of one number meet in one call of `function`, as one frame, in no order; there
    is a call for each of `partitions` that has rows. Both functions run on executors: they must pickle and reach for
    nothing.
    """
    work = dealt(groups, tasks)
    place = (by % partitions).cast(pl.Int32).alias(_PLACE)

    def parts_of_task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for mine in _work_of(batches, work):
            yield from _parts(read(mine).with_columns(place))

    def rows_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if received := [part for batch in batches for part in _received(batch)]:
            frame = pl.concat(received)
            received.clear()
            yield from declared_batches(function(frame.rechunk()), schema)

    moved = _tasks(spark, len(work)).mapInArrow(parts_of_task, spark_schema(_MOVED))
    return moved.repartitionById(partitions, _PLACE).mapInArrow(rows_of_partition, spark_schema(schema))


def dealt(groups: Sequence[RowGroup], tasks: int) -> list[list[RowGroup]]:
    """Row groups that have rows, neighbours together, in at most `tasks` lists of about as many rows."""
    rows = sum(rows for *_, rows in groups)
    lists: list[list[RowGroup]] = [[] for _ in range(tasks)]
    before = 0
    for group in groups:
        if group[2]:
            lists[before * tasks // rows].append(group)
            before += group[2]
    return [some for some in lists if some]


def _tasks(spark: SparkSession, count: int) -> DataFrame:
    return spark.range(0, count, 1, max(count, 1))


def _work_of(batches: Iterable[pa.RecordBatch], work: Sequence[Sequence[RowGroup]]) -> Iterator[Sequence[RowGroup]]:
    return (work[number] for batch in batches for number in batch.column(0).to_pylist())


def _parts(placed: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    for (place,), part in placed.partition_by(_PLACE, as_dict=True, include_key=False).items():
        stream = BytesIO()
        part.write_ipc_stream(stream, compression="lz4")
        yield pa.RecordBatch.from_pydict({_PLACE: [place], "rows": [stream.getvalue()]}, schema=_MOVED)


def _received(batch: pa.RecordBatch) -> Iterator[pl.DataFrame]:
    return (pl.read_ipc_stream(BytesIO(rows)) for rows in batch.column("rows").to_pylist())
