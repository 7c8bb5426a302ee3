"""A raw row's fields to text columns with canonical names, as a mapping file says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from userprofile.events.bronze import MALFORMED
from userprofile.quoting import quoted_name

_CORRUPT = "_not_json"
_FIELD = re.compile(r"`((?:[^`]|``)+)`|([^\W\d]\w*)\b(?!\s*['(])")  # no function, and no `date` as in date '2020-01-01'
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


@dataclass(frozen=True)
class MappedColumn:
    """How one canonical column is made; see the README's table of mapping keys."""

    sql: str
    pattern: str | None = None
    epoch: str | None = None
    values: Mapping[str, str] | None = None
    fill: str | None = None
    required: bool = False


def with_fields(rows: DataFrame, expressions: Iterable[str]) -> DataFrame:
    """Every raw field that the expressions speak of as a text column, beside the row and its `is_malformed` in `_row`.

    In a struct, since a log may have a field `place` of its own. Words of the SQL language are taken for fields too;
    those columns are null and are never read.
    """
    names = {name.lower(): name for text in expressions for name in _words(text)}
    schema = StructType([StructField(name, StringType()) for name in (*names.values(), MALFORMED, _CORRUPT)])
    fields = F.from_json("raw", schema, {"columnNameOfCorruptRecord": _CORRUPT})
    parsed = rows.withColumn("_fields", fields)
    malformed = F.col(f"_fields.{MALFORMED}").isNotNull() | F.col(f"_fields.{_CORRUPT}").isNotNull()
    # Of a list Spark would take the first object, and what follows an object it would not see.
    malformed |= ~(F.ltrim("raw").startswith("{") & F.rtrim("raw").endswith("}"))
    return parsed.select(
        F.struct(*rows.columns, malformed.alias("is_malformed")).alias("_row"),
        *(F.col(f"_fields.{quoted_name(name)}").alias(name) for name in names.values()),
    )


def text_of(column: MappedColumn) -> Column:
    """The column's text, trimmed; null where missing. The log's words are put into ours where `values` says so."""
    text = F.trim(F.expr(column.sql).cast("string"))
    text = F.when(text != "", text)
    if column.values:
        known = F.create_map(*(F.lit(word) for pair in column.values.items() for word in pair))
        text = F.coalesce(F.try_element_at(known, text), text)
    return text


def _words(expression: str) -> Iterable[str]:
    for quoted, plain in _FIELD.findall(_LITERAL.sub("''", expression)):
        yield quoted.replace("``", "`") or plain
