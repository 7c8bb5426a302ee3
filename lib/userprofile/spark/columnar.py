"""The one shuffle of what stands in files: columns go from Parquet to whole users, or items, without becoming rows.

A task reads row groups, deals their rows to places by user, and hands each place its rows as one compressed value;
Spark moves these values, and another task puts a place's together. Rows of the JVM would cost more than all that is
computed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Moving:
    """Rows on their way to as many places, all that belong together to the same.

    Functions run on executors: they must pickle and reach for nothing.
    """

    parts: DataFrame  # columns of _MOVED
    places: int

    def made_of_whole(self, function: Callable[[pl.DataFrame], pl.DataFrame], *, schema: pa.Schema) -> DataFrame:
        """Rows that `function` makes of all rows of a place, as one frame, in no order; columns are those of `schema`.

        There is a call for each place that has rows.
        """

        def rows_of_place(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for frame in _received(batches):
                yield from declared_batches(function(frame), schema)

        return self._at_places().mapInArrow(rows_of_place, spark_schema(schema))

    def moved_on(self, function: Callable[[pl.DataFrame], pl.DataFrame], *, by: pl.Expr, places: int) -> Moving:
        """The same rows, on their way to other places, by a number >= 0."""

        def parts_of_place(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for frame in _received(batches):
                yield from _parts(function(frame), by, places)

        return Moving(self._at_places().mapInArrow(parts_of_place, spark_schema(_MOVED)), places)

    def _at_places(self) -> DataFrame:
        return self.parts.repartitionById(self.places, _PLACE)


def moving(spark: SparkSession, work: Sequence[Sequence[RowGroup]], read: Read, *, by: pl.Expr, places: int) -> Moving:
    """What `read` makes of the row groups of each task, dealt to places by a number >= 0."""

    def parts_of_task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for mine in _work_of(batches, work):
            yield from _parts(read(mine), by, places)

    return Moving(_tasks(spark, len(work)).mapInArrow(parts_of_task, spark_schema(_MOVED)), places)


def moving_rows(
    frame: DataFrame, function: Callable[[pl.DataFrame], pl.DataFrame], *, by: pl.Expr, places: int
) -> Moving:
    """What `function` makes of the rows of each partition, dealt to places by a number >= 0."""

    def parts_of_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if rows := list(batches):
            yield from _parts(function(pl.DataFrame(pa.Table.from_batches(rows))), by, places)

    return Moving(frame.mapInArrow(parts_of_partition, spark_schema(_MOVED)), places)


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


def _parts(rows: pl.DataFrame, by: pl.Expr, places: int) -> Iterator[pa.RecordBatch]:
    placed = rows.with_columns((by % places).cast(pl.Int32).alias(_PLACE))
    for (place,), part in placed.partition_by(_PLACE, as_dict=True, include_key=False).items():
        stream = BytesIO()
        part.write_ipc_stream(stream, compression="lz4")
        yield pa.RecordBatch.from_pydict({_PLACE: [place], "rows": [stream.getvalue()]}, schema=_MOVED)


def _received(batches: Iterable[pa.RecordBatch]) -> Iterator[pl.DataFrame]:
    """All rows as one frame; nothing where there are none."""
    streams = (rows for batch in batches for rows in batch.column("rows").to_pylist())
    if received := [pl.read_ipc_stream(BytesIO(rows)) for rows in streams]:
        frame = pl.concat(received, rechunk=True)
        received.clear()
        yield frame
