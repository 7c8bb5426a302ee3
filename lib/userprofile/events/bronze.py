"""Raw files to bronze rows: every row kept, with its file and its place in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from userprofile.errors import UsageError
from userprofile.events.files import Form, RawFile, field_names

MALFORMED = "_malformed_line"  # the only field of a row whose line could not be cut into fields


def bronze_rows(
    spark: SparkSession, files: Sequence[tuple[int, RawFile]], form: Form, *, loaded_at: datetime
) -> DataFrame:
    """One row per raw row of the numbered files, in the columns of BronzeEvents."""
    by_fields: dict[tuple[str, ...], list[tuple[int, RawFile]]] = {}
    for number, file in files:
        by_fields.setdefault(tuple(field_names(file.uri, form)), []).append((number, file))
    parts = [_read(spark, group, form, fields) for fields, group in by_fields.items()]
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part)
    return rows.withColumn("loaded_at", F.lit(loaded_at))


def require_fields(spark: SparkSession, fields: Sequence[str], expressions: dict[str, str], *, file: str) -> None:
    """Raises UsageError when an expression of the mapping speaks of a field that the file lacks, or is no SQL."""
    from pyspark.errors import AnalysisException, ParseException

    empty = spark.createDataFrame([], StructType([StructField(name, StringType()) for name in fields]))
    for column, expression in expressions.items():
        try:
            empty.select(F.expr(expression)).schema  # noqa: B018  (analysis happens here, no job runs)
        except (AnalysisException, ParseException) as error:
            hint = "a delimiter that differs from `delimiter` in the mapping?" if len(fields) == 1 else ""
            raise UsageError(
                f"column {column} cannot be made from {file}: {_first_line(error)}",
                expected=f"SQL over the raw fields, as in `{expression}`",
                received=f"the file's fields are: {', '.join(fields)}",
                fix=f"correct the mapping of {column} {hint}".strip(),
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].split("SQLSTATE")[0].strip()


def _read(
    spark: SparkSession, files: list[tuple[int, RawFile]], form: Form, fields: tuple[str, ...]
) -> DataFrame:
    uris = [file.uri for _, file in files]
    names = spark.createDataFrame(
        [(file.uri, number, file.file_id) for number, file in files], "source_file string, file_number int, file_id string"
    )
    rows = _rows_as_json(spark, uris, form, fields).join(F.broadcast(names), "source_file")
    return rows.select("file_number", "place", "file_id", "source_file", "raw")


def _rows_as_json(spark: SparkSession, uris: list[str], form: Form, fields: tuple[str, ...]) -> DataFrame:
    """Columns source_file, place, raw."""
    if form.format == "parquet":
        frame = spark.read.parquet(*uris)
        raw = F.to_json(F.struct(*(F.col(f"`{name}`").cast("string").alias(name) for name in frame.columns)))
        return frame.select(
            _source_file(), (F.col("_metadata.row_index") + 1).alias("place"), raw.alias("raw")
        )
    if form.format == "csv":
        return _with_place(_read_csv(spark, uris, form, fields), skip=0)
    lines = spark.read.option("encoding", form.encoding).text(uris).where("trim(value) != ''")
    raw = F.col("value") if form.format == "jsonl" else _split_on_whitespace(fields)
    skip = 1 if form.format == "whitespace" and form.header else 0
    return _with_place(lines.select(raw.alias("raw"), *_position()), skip=skip)


def _read_csv(spark: SparkSession, uris: list[str], form: Form, fields: tuple[str, ...]) -> DataFrame:
    schema = StructType([StructField(name, StringType()) for name in (*fields, MALFORMED)])
    reader = spark.read.schema(schema).options(
        header=form.header, sep=form.delimiter, encoding=form.encoding, multiLine=form.multiline, mode="PERMISSIVE",
        columnNameOfCorruptRecord=MALFORMED, escape='"', enforceSchema=True,
    )
    whole = F.struct(*(F.col(f"`{name}`") for name in fields))
    malformed = F.struct(F.col(MALFORMED))
    raw = F.when(F.col(MALFORMED).isNull(), F.to_json(whole)).otherwise(F.to_json(malformed))
    return reader.csv(uris).select(raw.alias("raw"), *_position())


def _split_on_whitespace(fields: tuple[str, ...]) -> Column:
    parts = F.split(F.trim("value"), r"\s+")
    whole = F.struct(*(parts[index].alias(name) for index, name in enumerate(fields)))
    malformed = F.struct(F.col("value").alias(MALFORMED))
    return F.when(F.size(parts) == len(fields), F.to_json(whole)).otherwise(F.to_json(malformed))


def _source_file() -> Column:
    """The file's URI as find_files writes it: Spark says file:/ where others say file:///."""
    return F.regexp_replace("_metadata.file_path", "^file:/+", "file:///").alias("source_file")


def _position() -> list[Column]:
    return [
        _source_file(),
        F.col("_metadata.file_block_start").alias("block"),
        F.monotonically_increasing_id().alias("row"),
    ]


def _with_place(rows: DataFrame, *, skip: int) -> DataFrame:
    """Numbers the records of each file from 1, after the first `skip`, however Spark cut the file into blocks."""
    blocks = rows.groupBy("source_file", "block").agg(F.min("row").alias("first"), F.count("*").alias("rows"))
    earlier = Window.partitionBy("source_file").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    offsets = blocks.select(
        "source_file", "block", "first", F.coalesce(F.sum("rows").over(earlier), F.lit(0)).alias("offset")
    )
    placed = rows.join(F.broadcast(offsets), ["source_file", "block"])
    place = F.col("offset") + F.col("row") - F.col("first") + 1 - skip
    return placed.select("source_file", place.alias("place"), "raw").where(F.col("place") >= 1)
