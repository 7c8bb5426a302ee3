"""A table of a database as raw rows, by Spark's JDBC reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BinaryType,
    DataType,
    DateType,
    IntegralType,
    NumericType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from userprofile.errors import DataGateError, UsageError
from userprofile.events.database_access import Database, reached
from userprofile.quoting import quoted_name

MARK = "_mark"  # the incremental column, in its own type
_TIMES = (DateType, TimestampType, TimestampNTZType)


@dataclass(frozen=True)
class Span:
    """Marks from `low` to `high`, both included, as text in UTC; rows without a mark are always among them."""

    low: str
    high: str


def columns_of(spark: SparkSession, database: Database) -> StructType:
    """The table's columns. Raises UsageError where there is no such table, or its incremental column cannot grow."""
    with reached(database):
        columns = _reader(spark, database).option("dbtable", _table(spark, database)).load().schema
    if database.column not in columns.names:
        raise UsageError(
            f"{database.key}.incremental_column names no column of {database.table}",
            expected=f"one of {', '.join(columns.names)}",
            received=database.column,
            fix=f"correct {database.key}.incremental_column",
        )
    kind = columns[database.column].dataType
    if not isinstance(kind, (NumericType, *_TIMES)):
        raise UsageError(
            f"{database.key}.incremental_column cannot be told apart by order: it is {kind.simpleString()}",
            expected="a column of numbers, dates or times that grows",
            received=database.column,
            fix=f"name another in {database.key}.incremental_column",
        )
    if database.overlap and isinstance(database.overlap, timedelta) != isinstance(kind, _TIMES):
        raise UsageError(
            f"{database.key}.overlap does not fit {database.column}, which is {kind.simpleString()}",
            expected="a duration such as 1h" if isinstance(kind, _TIMES) else "a number such as 10000",
            received=str(database.overlap),
            fix=f"correct {database.key}.overlap",
        )
    return columns


def span_to_ask(spark: SparkSession, database: Database, columns: StructType, *, before: Sequence[str]) -> Span:
    """What is to be asked for, up to the greatest mark that the table has now; "" where it has none yet.

    `before` are the marks that committed slices reached. The overlap below the greatest of them is asked for again:
    a number is given out before its row can be seen, and rows of one time need not be seen at once.
    """
    column = _quoted(spark, database.url, database.column)
    query = f"SELECT MIN({column}) AS low, MAX({column}) AS high FROM {_table(spark, database)}"
    with reached(database):
        limits = _reader(spark, database).option("query", query).load()
        texts = limits.select(F.col("low").cast("string"), F.col("high").cast("string")).collect()[0]
    kind = columns[database.column].dataType
    low, high = (None if text is None else _mark(text, kind) for text in texts)
    if marks := [_mark(text, kind) for text in before if text]:
        overlap = _overlap_of(kind) if database.overlap is None else database.overlap
        low, high = max(marks) - overlap, max([*marks, *([] if high is None else [high])])
    return Span("", "") if high is None else Span(str(low), str(high))


def reaching_into(span: Span, ends: Mapping[int, str], kind: DataType) -> list[int]:
    """Numbers of the slices that may hold rows of the span, of those that end with these marks."""
    if not span.low:
        return list(ends)
    return [number for number, text in ends.items() if text and _mark(text, kind) >= _mark(span.low, kind)]


def rows_of(spark: SparkSession, database: Database, columns: StructType, span: Span) -> DataFrame:
    """Columns raw and MARK of the table's rows within the span, those without a mark first.

    A raw row is a JSON object of its values as text; times with a zone are in UTC and say so.
    """
    kind, column = columns[database.column].dataType, _quoted(spark, database.url, database.column)
    # Not as a condition of Spark's, which would write times in this machine's zone, where some come twice a year.
    within = f"{column} BETWEEN {_literal(span.low, kind)} AND {_literal(span.high, kind)} OR " if span.high else ""
    asked = f"(SELECT * FROM {_table(spark, database)} WHERE {within}{column} IS NULL) asked"
    parts = _parts(column, span, kind, database.partitions)
    rows = spark.read.jdbc(database.url, asked, predicates=parts, properties=database.options())
    mark = F.col(quoted_name(database.column))
    raw = F.to_json(F.struct(*(_as_text(field).alias(field.name) for field in columns.fields)))
    return rows.select(raw.alias("raw"), mark.alias(MARK)).sortWithinPartitions(MARK, "raw")


def _parts(column: str, span: Span, kind: DataType, parts: int) -> list[str]:
    """Conditions that deal the span to queries, in its order; Spark's own do not know times without a zone."""
    if parts == 1 or span.low == span.high:
        return ["1 = 1"]
    low, high = _mark(span.low, kind), _mark(span.high, kind)
    edges = [low + (high - low) * part / parts for part in range(1, parts)]
    whole = [int(edge) if isinstance(kind, IntegralType) else edge for edge in edges]
    at = [_literal(str(edge), kind) for edge in whole]
    between = [f"{column} >= {left} AND {column} < {right}" for left, right in pairwise(at)]
    return [f"{column} < {at[0]} OR {column} IS NULL", *between, f"{column} >= {at[-1]}"]


def _mark(text: str, kind: DataType) -> Any:
    """Of Spark's text of it; Python's own times would be those of this machine's zone."""
    try:
        if isinstance(kind, DateType):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text) if isinstance(kind, _TIMES) else Decimal(text)
    except ValueError as error:
        raise DataGateError(
            f"the greatest mark of the table is {text}, which nothing can come after",
            expected="a time before the year 10000",
            received=text,
            fix="correct that row in the database",
        ) from error


def _literal(mark: str, kind: DataType) -> str:
    if isinstance(kind, TimestampType):
        return f"TIMESTAMP WITH TIME ZONE '{mark}+00:00'"
    name = "DATE" if isinstance(kind, DateType) else "TIMESTAMP" if isinstance(kind, TimestampNTZType) else ""
    return f"{name} '{mark}'" if name else mark


def _overlap_of(kind: DataType) -> int | timedelta:
    if isinstance(kind, DateType):
        return timedelta(days=1)
    return timedelta(hours=1) if isinstance(kind, _TIMES) else 10_000


def _as_text(column: StructField) -> Column:
    value = F.col(quoted_name(column.name))
    if isinstance(column.dataType, TimestampType):
        return F.date_format(value, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")  # the session's zone is UTC
    return F.base64(value) if isinstance(column.dataType, BinaryType) else value.cast("string")


def _quoted(spark: SparkSession, url: str, name: str) -> str:
    """A name as this database quotes it."""
    assert spark._jvm is not None
    return str(spark._jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(url).quoteIdentifier(name))


def _table(spark: SparkSession, database: Database) -> str:
    return ".".join(_quoted(spark, database.url, part) for part in database.table.split("."))


def _reader(spark: SparkSession, database: Database) -> DataFrameReader:
    return spark.read.format("jdbc").options(url=database.url, **database.options())
