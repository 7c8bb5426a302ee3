"""The only place that touches Delta: every read and write is checked against the table's class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import dataframely as dy
import deltalake
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from userprofile.schemas.arrow import Columns, arrow_schema
from userprofile.schemas.ranges import range_checks
from userprofile.tables.expectations import gained, lost, require_partition, require_readable, require_same_schema
from userprofile.tables.locks import one_writer
from userprofile.tables.parts import add_actions
from userprofile.tables.refusals import clear_errors, made_by_one


@dataclass(frozen=True)
class TableVersion:
    """One pinned state of a table, and how many rows it holds or the write brought."""

    table: str
    version: int
    rows: int


@dataclass(frozen=True)
class Transaction:
    """Names an append, so that the same append again changes nothing (Delta's txnAppId and txnVersion)."""

    application: str
    version: int


class Store:
    """The tables of one source, at `<root>/<layer>/<name>`."""

    def __init__(self, spark: SparkSession | None, root: str, *, run_id: str = "") -> None:
        self._spark, self.root, self.run_id = spark, root.rstrip("/"), run_id

    @property
    def spark(self) -> SparkSession:
        """The session by which large tables are read and written; small ones need none."""
        assert self._spark is not None, "opened without Spark, only small tables can be read"
        return self._spark

    def path(self, table: str) -> str:
        """The folder or URI of `layer.name`."""
        return f"{self.root}/{table.replace('.', '/')}"

    def exists(self, table: str) -> bool:
        """Whether the table has been written at least once."""
        return deltalake.DeltaTable.is_deltatable(self.path(table))

    def pin(self, table: str) -> TableVersion:
        """The state that the table has now."""
        log = deltalake.DeltaTable(self.path(table))
        return TableVersion(table, log.version(), log.count())

    def read(self, pinned: TableVersion, schema: type[dy.Schema]) -> DataFrame:
        """Exactly the pinned state; refused when its columns are not those of `schema`.

        What may be null need not be there: a column that the table did not have yet is null, one more is left out.
        """
        frame = self.spark.read.format("delta").option("versionAsOf", pinned.version).load(self.path(pinned.table))
        expected = _spark_schema(schema)
        later = {field.name: F.lit(None).cast(field.dataType) for field in gained(frame.schema, expected)}
        frame = frame.withColumns(later).drop(*(field.name for field in lost(frame.schema, expected)))
        require_same_schema(
            frame.schema, expected, what=f"table {pinned.table} has other columns than this version reads"
        )
        return frame.select(*expected.names)

    def bounds(self, pinned: TableVersion, column: str) -> tuple[Any, Any]:
        """Least and greatest value of one of the table's first 32 columns, as its log knows them; None without rows.

        Times are known to the millisecond and rounded down.
        """
        log = deltalake.DeltaTable(self.path(pinned.table), version=pinned.version)
        files = pl.DataFrame(log.get_add_actions(flatten=True))
        if files["num_records"].sum() == 0:
            return None, None
        return files[f"min.{column}"].min(), files[f"max.{column}"].max()

    def small(
        self, pinned: TableVersion, schema: type[dy.Schema], *columns: str, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """The same of a table, of some of its columns or of the rows for which `where` holds, that the driver can hold:
        without a Spark job, which would cost more than the rows.
        """
        log = deltalake.DeltaTable(self.path(pinned.table), version=pinned.version)
        what = f"table {pinned.table} has other columns than this version reads"
        later = require_readable(_written_schema(log), _spark_schema(schema), what=what)
        # Not by deltalake's own reader: a job that ends right after it is now and then aborted (delta-rs issue 2184).
        rows = pl.scan_delta(log).with_columns(
            pl.lit(None, column.dtype).alias(name) for name, column in schema.columns().items() if name in later
        )
        held = rows if where is None else rows.filter(where)
        return held.select(list(columns) or schema.column_names()).collect()

    def append_small(
        self, rows: Sequence[Mapping[str, Any]], table: str, schema: type[dy.Schema], transaction: Transaction
    ) -> None:
        """Add a few rows once: the same transaction again adds nothing."""
        frame = pa.Table.from_pylist(list(rows), schema=arrow_schema(schema))
        done = deltalake.Transaction(transaction.application, transaction.version)
        with self._without_spark(table, schema) as log:
            if (log.transaction_version(transaction.application) or 0) < transaction.version:
                deltalake.write_deltalake(log, frame, mode="append", commit_properties=self.commit(done))

    def replace_small(self, rows: pl.DataFrame, table: str, schema: type[dy.Schema], *, where: str) -> TableVersion:
        """Put rows that the driver holds in the place of all for which `where` holds, without a Spark job."""
        received = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        self._require_columns(from_arrow_schema(received.schema), table, schema)
        with self._without_spark(table, schema) as log:
            frame = received.select(schema.column_names()).cast(arrow_schema(schema))
            deltalake.write_deltalake(log, frame, mode="overwrite", predicate=where, commit_properties=self.commit())
            return TableVersion(table, deltalake.DeltaTable(self.path(table)).version(), rows.height)

    def replace_parts(
        self,
        parts: pl.DataFrame,
        table: str,
        schema: Columns,
        *,
        partition: str = "",
        values: Sequence[str] = (),
        keep: bool = False,
    ) -> TableVersion:
        """Put the files of WrittenParts that are this table's in the place of all rows, or of those of the partition's
        `values`, or of none where it is to `keep` all, in one commit. Without `partition` the table has none.
        """
        mine = parts.filter(pl.col("table") == table)
        replaced = [(partition, "in", list(values))] if values else None
        with self._without_spark(table, schema, partition) as log:
            require_partition(log.metadata().partition_columns, partition, table)
            added, commit = add_actions(mine, partition), self.commit()
            mode: Literal["append", "overwrite"] = "append" if keep else "overwrite"
            log.create_write_transaction(
                added, mode, log.schema(), [partition] if partition else [], replaced, commit_properties=commit
            )
            return TableVersion(table, deltalake.DeltaTable(self.path(table)).version(), sum(mine["rows"]))

    @contextmanager
    def _without_spark(self, table: str, schema: Columns, partition: str = "") -> Iterator[deltalake.DeltaTable]:
        with one_writer(self.path(table)), clear_errors(table):
            self._create(table, schema, partition)
            yield deltalake.DeltaTable(self.path(table))

    def commit(self, *transactions: deltalake.Transaction) -> deltalake.CommitProperties:
        """What a commit says of itself: the run, by the name that Spark's commits have for it."""
        return deltalake.CommitProperties({"userMetadata": self.run_id}, app_transactions=list(transactions) or None)

    def append(self, frame: DataFrame, table: str, schema: type[dy.Schema], transaction: Transaction) -> TableVersion:
        """Add rows once: the same transaction again adds nothing."""
        options = {"txnAppId": transaction.application, "txnVersion": str(transaction.version)}
        return self._write(frame, table, schema, mode="append", options=options)

    def replace(
        self, frame: DataFrame, table: str, schema: type[dy.Schema], *, where: str = "", checked: bool = False
    ) -> TableVersion:
        """Put `frame` in the place of all rows, or of those where the SQL condition `where` holds, in one commit.

        A table that is made `checked` refuses, whoever writes, what is out of its class's ranges.
        """
        options = {"replaceWhere": where} if where else {}
        return self._write(frame, table, schema, mode="overwrite", options=options, checked=checked)

    def _write(
        self,
        frame: DataFrame,
        table: str,
        schema: type[dy.Schema],
        *,
        mode: str,
        options: dict[str, str],
        checked: bool = False,
    ) -> TableVersion:
        self._require_columns(frame.schema, table, schema)
        with one_writer(self.path(table)), clear_errors(table):
            made = self._create(table, schema, "")
            if checked:
                self._check_ranges(table, schema)
            if made:
                mode, options = "append", {name: value for name, value in options.items() if name != "replaceWhere"}
            before = deltalake.DeltaTable(self.path(table)).version()
            writer = frame.select(*schema.column_names()).write.format("delta").mode(mode)
            writer.options(**options, userMetadata=self.run_id).save(self.path(table))
            log = deltalake.DeltaTable(self.path(table))
            rows = _rows_brought(log.history(1)[0]) if log.version() > before else 0
            return TableVersion(table, log.version(), rows)

    def _check_ranges(self, table: str, schema: type[dy.Schema]) -> None:
        """Of columns that the table was made with, and of those that came later."""
        log = deltalake.DeltaTable(self.path(table))
        known = log.metadata().configuration
        new = {name: said for name, said in range_checks(schema).items() if f"delta.constraints.{name}" not in known}
        if new:
            log.alter.add_constraint(new, commit_properties=self.commit())

    @staticmethod
    def _require_columns(received: StructType, table: str, schema: type[dy.Schema]) -> None:
        what = f"the rows to be written to {table} have other columns"
        require_same_schema(received, _spark_schema(schema), what=what, nullability=False)

    def _create(self, table: str, schema: Columns, partition: str) -> bool:
        """Make the table and say so, or give it the columns that it lacks; Delta refuses nulls where none may be."""
        path, declared, commit = self.path(table), arrow_schema(schema), self.commit()
        if not self.exists(table):
            with made_by_one(table):
                deltalake.DeltaTable.create(path, declared, partition_by=partition or None, commit_properties=commit)
            return True
        log, columns = deltalake.DeltaTable(path), _spark_schema(schema)
        existing = _written_schema(log)
        new, kept = gained(existing, columns), lost(existing, columns)
        both = StructType([field for field in existing.fields if field not in kept] + new)
        require_same_schema(both, columns, what=f"table {table} was written with other columns")
        if new:
            fields = deltalake.Schema.from_arrow(pa.schema([declared.field(field.name) for field in new])).fields
            log.alter.add_columns(fields, commit_properties=commit)
        return False


def _written_schema(log: deltalake.DeltaTable) -> StructType:
    return from_arrow_schema(pa.schema(log.schema().to_arrow()))


def _spark_schema(schema: Columns) -> StructType:
    return from_arrow_schema(arrow_schema(schema))


def _rows_brought(commit: Mapping[str, Any]) -> int:
    """Without those that shared a file with replaced ones, and were copied."""
    counted = commit["operationMetrics"]
    return int(counted.get("numOutputRows", 0)) - int(counted.get("numCopiedRows", 0))
