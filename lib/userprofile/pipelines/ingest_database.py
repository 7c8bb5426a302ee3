"""A table of a database -> bronze, slice by slice: what was not taken in before, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pyarrow.fs as pafs
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from userprofile.config.asked import Jdbc
from userprofile.events.asked import Slice, secret
from userprofile.events.bronze import with_place
from userprofile.events.database import MARK, columns_of, reaching_into, rows_of, span_to_ask
from userprofile.events.database_access import Database, reached
from userprofile.pipelines.bronze_tables import TABLES, bronze, next_number, slice_transaction, slices_taken, taken_in
from userprofile.pipelines.steps import Run


def database_of(jdbc: Jdbc, *, key: str) -> Database:
    """The table that the mapping names, its secrets from the environment."""
    return Database(
        url=jdbc.url,
        table=jdbc.table,
        column=jdbc.incremental_column,
        key=key,
        overlap=jdbc.overlap,
        partitions=jdbc.partitions,
        fetch_rows=jdbc.fetch_rows,
        driver=jdbc.driver or "",
        user=secret(jdbc.user_from, key=f"{key}.user_from"),
        password=secret(jdbc.password_from, key=f"{key}.password_from"),
    )


def take_rows(run: Run, table: str, database: Database, *, check: Callable[[list[str]], None]) -> int:
    """Append the rows that bronze does not hold, in one commit; how many there were. `check` judges field names."""
    columns = columns_of(run.spark, database)
    check(columns.names)
    taken = taken_in(run, table)
    ends = {one.number: one.reach["to"] for one in slices_taken(taken, database.origin)}
    span = span_to_ask(run.spark, database, columns, before=list(ends.values()))
    with _staged(run, table, rows_of(run.spark, database, columns, span), database) as rows:
        has_unmarked = bool(ends) and not rows.where(F.col(MARK).isNull()).isEmpty()
        kind = columns[database.column].dataType
        known = list(ends) if has_unmarked else reaching_into(span, ends, kind)
        new = _without(bronze(run, table).where(F.col("file_number").isin(known)), rows) if known else rows
        nothing = new.isEmpty()
        if nothing and run.store.exists(table):
            return 0
        one = Slice(next_number(taken), database.origin, {"from": span.low, "to": span.high})
        return _append(run, table, new, one, number=0 if nothing else one.number)


@contextmanager
def _staged(run: Run, table: str, rows: DataFrame, database: Database) -> Iterator[DataFrame]:
    """The rows as read once, numbered by `place`: asked a second time, by a task that is done again or for another
    column, the database would not give the same.
    """
    folder = f"{run.store.root}/staging/{table}"
    try:
        with reached(database):
            rows.write.mode("overwrite").parquet(folder)
        staged = run.spark.read.parquet(folder)
        placed = staged.select("raw", MARK, F.lit("").alias("path"), "_metadata.file_path", "_metadata.row_index")
        yield with_place(placed.withColumnsRenamed({"file_path": "block", "row_index": "row"}), MARK, skip=0)
    finally:
        _remove(f"{run.store.root}/staging")


def _without(known: DataFrame, rows: DataFrame) -> DataFrame:
    """Rows less the known, each as often as it is known: two equal rows are two."""
    nth = F.row_number().over(Window.partitionBy("raw").orderBy("place"))
    often = known.groupBy("raw").agg(F.count("*").alias("_taken"))
    counted = rows.withColumn("_nth", nth).join(often, "raw", "left")
    return counted.where(F.col("_nth") > F.coalesce("_taken", F.lit(0))).drop("_nth", "_taken")


def _append(run: Run, table: str, rows: DataFrame, new: Slice, *, number: int) -> int:
    named = {"file_number": new.number, "file_id": new.identity, "source_file": new.name, "loaded_at": run.started_at}
    frame = rows.withColumns({name: F.lit(value) for name, value in named.items()})
    schema, transaction = TABLES[table], slice_transaction(table, new.origin, number)
    return run.store.append(frame.select(*schema.column_names()), table, schema, transaction).rows


def _remove(folder: str) -> None:
    filesystem, path = pafs.FileSystem.from_uri(folder if "://" in folder else f"file://{folder}")
    with suppress(OSError):
        filesystem.delete_dir(path)
