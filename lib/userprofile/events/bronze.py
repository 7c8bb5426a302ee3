"""Raw files to bronze rows: every row kept, with its file and its place in it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import unquote

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from userprofile.errors import UsageError
from userprofile.events.files import Form, RawFile, field_names
from userprofile.quoting import quoted_name

MALFORMED = "_malformed_line"  # the only field of a row whose line could not be cut into fields


def bronze_rows(
    spark: SparkSession, files: Sequence[tuple[int, RawFile]], form: Form, *, loaded_at: datetime
) -> DataFrame:
    """One row per raw row of the numbered files, in the columns of BronzeEvents."""
    by_fields: dict[tuple[str, ...], list[tuple[int, RawFile]]] = {}
    for number, file in files:
        fields = () if form.format == "jsonl" else tuple(field_names(file.uri, form))
        by_fields.setdefault(fields, []).append((number, file))
    parts = [_read(spark, group, form, fields) for fields, group in by_fields.items()]
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part)
    return rows.withColumn("loaded_at", F.lit(loaded_at))


def require_fields(spark: SparkSession, fields: Sequence[str], expressions: dict[str, str], *, file: str) -> None:
    """Raises UsageError when an expression of the mapping speaks of a field that the file lacks, or is no SQL.

    Upper and lower case count: in a raw row a field has the one name that the file gives it.
    """
    empty = spark.createDataFrame([], StructType([StructField(name, StringType()) for name in fields]))
    for column, expression in expressions.items():
        if problem := _problem(empty, expression):
            hint = "; one field only: is `delimiter` in the mapping the file's?" if len(fields) == 1 else ""
            raise UsageError(
                f"column {column} cannot be made from {file}: {problem}",
                expected=f"SQL over the raw fields, as in `{expression}`",
                received=f"the file's fields are: {', '.join(fields)}",
                fix=f"correct the mapping of {column}{hint}",
            )


def _problem(empty: DataFrame, expression: str) -> str:
    """Why Spark cannot make the expression; nothing where it can. It is analysed, no job runs."""
    if re.fullmatch(r"[A-Za-z_]\w*", expression, re.ASCII) and expression not in empty.columns:
        return f"no field is called `{expression}`"  # asked here, since a few words, as `user`, are functions too
    try:
        with _case_counts(empty.sparkSession):
            empty.select(F.expr(expression)).schema  # noqa: B018
    except (AnalysisException, ParseException) as error:
        return str(error).strip().splitlines()[0].split("SQLSTATE")[0].strip()
    return ""


@contextmanager
def _case_counts(spark: SparkSession) -> Iterator[None]:
    before = spark.conf.get("spark.sql.caseSensitive") or "false"
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        yield
    finally:
        spark.conf.set("spark.sql.caseSensitive", before)


def _read(spark: SparkSession, files: list[tuple[int, RawFile]], form: Form, fields: tuple[str, ...]) -> DataFrame:
    names = spark.createDataFrame(
        [(unquote(file.uri), file.uri, number, file.file_id) for number, file in files],
        "path string, source_file string, file_number int, file_id string",
    )
    # A left join: a row whose file were not found among the names would end the run rather than be lost.
    rows = _rows_as_json(spark, [_for_spark(file.uri) for _, file in files], form, fields)
    numbered = rows.join(F.broadcast(names), "path", "left")
    return numbered.select("file_number", "place", "file_id", "source_file", "raw")


def _rows_as_json(spark: SparkSession, uris: list[str], form: Form, fields: tuple[str, ...]) -> DataFrame:
    """Columns path, place, raw."""
    if form.format == "parquet":
        frame = spark.read.parquet(*uris)
        raw = F.to_json(F.struct(*(F.col(quoted_name(name)).cast("string").alias(name) for name in frame.columns)))
        return frame.select(_path(), (F.col("_metadata.row_index") + 1).alias("place"), raw.alias("raw"))
    if form.format == "csv":
        return with_place(_read_csv(spark, uris, form, fields), skip=0)
    text = F.decode(F.col("value").cast("binary"), _charset(form.encoding)).alias("value")
    if form.format == "json_entries":
        return _entries(spark.read.text(uris, wholetext=True).select(_path(), text))
    lines = spark.read.text(uris).where(r"value rlike '\\S'").select(text, *_position())
    raw = F.col("value") if form.format == "jsonl" else _split_on_whitespace(fields)
    skip = 1 if form.format == "whitespace" and form.header else 0
    return with_place(lines.select(raw.alias("raw"), "path", "block", "row"), skip=skip)


def _entries(objects: DataFrame) -> DataFrame:
    """A row for each entry of a file's one JSON object; the whole file is one malformed row where it is none."""
    # In a list, since behind one object a second would not be seen.
    objects_of_file = F.from_json(F.concat(F.lit("["), F.col("value"), F.lit("]")), "array<map<string,string>>")
    entries = F.map_entries(F.when(F.size(objects_of_file) == 1, objects_of_file[0]))
    fields = F.transform(
        entries, lambda entry: F.to_json(F.struct(entry["key"].alias("key"), entry["value"].alias("value")))
    )
    malformed = F.array(F.to_json(F.struct(F.col("value").alias(MALFORMED))))
    rows = objects.select("path", F.posexplode(F.coalesce(fields, malformed)).alias("place", "raw"))
    return rows.withColumn("place", F.col("place").cast("bigint") + 1)


def _read_csv(spark: SparkSession, uris: list[str], form: Form, fields: tuple[str, ...]) -> DataFrame:
    schema = StructType([StructField(name, StringType()) for name in (*fields, MALFORMED)])
    reader = spark.read.schema(schema).options(
        header=form.header,
        sep=form.delimiter,
        encoding=_charset(form.encoding),
        multiLine=form.multiline,
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=MALFORMED,
        escape='"',
        enforceSchema=True,
    )
    whole = F.struct(*(F.col(quoted_name(name)) for name in fields))
    malformed = F.struct(F.col(MALFORMED))
    raw = F.when(F.col(MALFORMED).isNull(), F.to_json(whole)).otherwise(F.to_json(malformed))
    return reader.csv(uris).select(raw.alias("raw"), *_position())


def _split_on_whitespace(fields: tuple[str, ...]) -> Column:
    parts = F.split(F.regexp_replace("value", r"^\s+|\s+$", ""), r"\s+")
    whole = F.struct(*(parts[index].alias(name) for index, name in enumerate(fields)))
    malformed = F.struct(F.col("value").alias(MALFORMED))
    return F.when(F.size(parts) == len(fields), F.to_json(whole)).otherwise(F.to_json(malformed))


def _charset(encoding: str) -> str:
    """The encoding as Java calls it."""
    return codecs.lookup(encoding).name.removesuffix("-sig")


def _for_spark(uri: str) -> str:
    """The path that Spark makes this URI from; it reads no escapes, but patterns."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", unquote(uri))


def _path() -> Column:
    """A file's URI without escapes, since Java and Python differ in them; Spark says file:/ where others say file:///."""
    path = F.url_decode(F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B")))
    return F.regexp_replace(path, "^file:/+", "file:///").alias("path")


def _position() -> list[Column]:
    return [
        _path(),
        F.col("_metadata.file_block_start").alias("block"),
        F.monotonically_increasing_id().alias("row"),
    ]


def with_place(rows: DataFrame, *more: str, skip: int) -> DataFrame:
    """Numbers the records of each file from 1, after the first `skip`, however Spark cut the file into blocks.

    Columns path, block, row (which grows within a block) and raw become path, place and raw; `more` stay.
    """
    blocks = rows.groupBy("path", "block").agg(F.min("row").alias("first"), F.count("*").alias("rows"))
    earlier = Window.partitionBy("path").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    offsets = blocks.select("path", "block", "first", F.coalesce(F.sum("rows").over(earlier), F.lit(0)).alias("offset"))
    placed = rows.join(F.broadcast(offsets), ["path", "block"])
    place = F.col("offset") + F.col("row") - F.col("first") + 1 - skip
    return placed.select("path", place.alias("place"), "raw", *more).where(F.col("place") >= 1)
