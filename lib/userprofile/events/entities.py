"""Items, users and codes out of raw rows and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType

from userprofile.columns import CATEGORY_LEVELS
from userprofile.events.mapped import MappedColumn, text_of, with_fields

PATH_SEPARATOR = " / "
_USER_COLUMNS = ("age_band", "gender", "region", "occupation", "income")


def silver_items(
    rows: DataFrame,
    columns: Mapping[str, MappedColumn],
    *,
    category_path: Sequence[str],
    attributes: Mapping[str, str],
    currency: str | None,
    minor_units: int,
) -> DataFrame:
    """One row per item_id: of several raw rows the last one counts. Rows without an item_id are left out.

    A level that is missing within a category path is skipped; a price below zero is no price.
    """
    fields = with_fields(rows, [*(column.sql for column in columns.values()), *category_path, *attributes.values()])
    price = _text_or_null(columns, "price").try_cast("decimal(28,6)")
    minor = F.round(price * 10**minor_units, 0).try_cast("bigint")
    levels = [text_of(MappedColumn(sql=level)) for level in category_path]
    items = fields.select(
        "_row.file_number",
        "_row.place",
        text_of(columns["item_id"]).alias("item_id"),
        *(_text_or_null(columns, name) for name in ("title", "description", "brand", "colour", "image")),
        F.array_compact(F.array(*levels)).cast("array<string>").alias("category_path"),
        F.when(minor >= 0, minor).alias("price"),
        F.lit(currency).cast("string").alias("currency"),
        _attributes(fields, attributes),
    )
    return _last_row_per(items, "item_id")


def declared_users(
    rows: DataFrame,
    columns: Mapping[str, MappedColumn],
    *,
    attributes: Mapping[str, str],
    consent: Mapping[str, str],
    default_consent: Sequence[str],
) -> DataFrame:
    """One row per raw user id, columns of SilverUsers; consent by the file's conditions, or the default."""
    fields = with_fields(rows, [*(column.sql for column in columns.values()), *attributes.values(), *consent.values()])
    granted = [F.when(F.expr(condition), F.lit(purpose)) for purpose, condition in consent.items()]
    chosen = F.array_compact(F.array(*granted)) if granted else _words(default_consent)
    users = fields.select(
        "_row.file_number",
        "_row.place",
        text_of(columns["user_id"]).alias("user_id"),
        *(_text_or_null(columns, name) for name in _USER_COLUMNS),
        _attributes(fields, attributes),
        chosen.cast("array<string>").alias("consent"),
    )
    return _last_row_per(users, "user_id")


def silver_users(events: DataFrame, declared: DataFrame | None, *, default_consent: Sequence[str]) -> DataFrame:
    """Every pseudonym of the events (column user_id) or of `declared`; nothing is known of one never declared."""
    seen = events.select("user_id").distinct()
    default = _words(default_consent)
    if declared is None:
        blank = {name: F.lit(None).cast("string") for name in _USER_COLUMNS}
        return seen.withColumns({**blank, "attributes": _no_attributes(), "consent": default})
    users = seen.join(declared, "user_id", "full")
    return users.withColumns(
        {"attributes": F.coalesce("attributes", _no_attributes()), "consent": F.coalesce("consent", default)}
    )


def words_to_code(items: DataFrame, events: DataFrame) -> DataFrame:
    """All words that want a code: (kind, value), distinct.

    Reads item_id, category_path, brand, colour and attributes of items; item_id and channel of events.
    """
    of_item = [
        _word("item", F.col("item_id")),
        *(_word(name, F.col(name)) for name in ("brand", "colour")),
        *(_word(f"category_{level}", category_value(level)) for level in CATEGORY_LEVELS),
    ]
    of_attribute = F.transform(
        "attributes", lambda one: _word(F.concat(F.lit("attribute_"), one["name"]), one["value"])
    )
    of_event = [_word("item", F.col("item_id")), _word("channel", F.col("channel"))]
    words = items.select(F.inline(F.concat(F.array(*of_item), of_attribute)))
    words = words.union(events.select(F.inline(F.array(*of_event))))
    return words.where("value is not null").distinct()


def _word(kind: str | Column, value: Column) -> Column:
    return F.struct((F.lit(kind) if isinstance(kind, str) else kind).alias("kind"), value.alias("value"))


def category_value(level: int) -> Column:
    """The path down to a level, joined by " / "; null where the path is shorter."""
    path = F.array_join(F.slice("category_path", 1, level), PATH_SEPARATOR)
    return F.when(F.size("category_path") >= level, path)


def with_new_codes(words: DataFrame, known: DataFrame | None) -> DataFrame:
    """All codes, old and new: a word that `known` lacks gets the next free number of its kind, in order of words."""
    by_word = F.row_number().over(Window.partitionBy("kind").orderBy("value"))
    if known is None:
        return words.withColumn("code", by_word)
    highest = known.groupBy("kind").agg(F.max("code").alias("_highest"))
    fresh = words.join(known, ["kind", "value"], "left_anti").join(F.broadcast(highest), "kind", "left")
    numbered = fresh.withColumn("code", by_word + F.coalesce("_highest", F.lit(0)))
    return known.unionByName(numbered.select("kind", "value", "code"))


def _text_or_null(columns: Mapping[str, MappedColumn], name: str) -> Column:
    if name not in columns:
        return F.lit(None).cast("string").alias(name)
    return F.coalesce(text_of(columns[name]), F.lit(columns[name].fill)).cast("string").alias(name)


def _attributes(fields: DataFrame, attributes: Mapping[str, str]) -> Column:
    """A pair for each value; an expression may give a list of them."""
    lists = [_values_of(name, F.expr(sql), fields) for name, sql in attributes.items()]
    return F.flatten(F.array(_no_attributes(), *lists)).alias("attributes")


def _no_attributes() -> Column:
    return F.array().cast("array<struct<name: string, value: string>>").alias("attributes")


def _values_of(name: str, value: Column, fields: DataFrame) -> Column:
    is_list = isinstance(fields.select(value).schema[0].dataType, ArrayType)
    values = F.coalesce(value.cast("array<string>"), F.array()) if is_list else F.array(value.cast("string"))
    return F.transform(values, lambda one: F.struct(F.lit(name).alias("name"), one.alias("value")))


def _words(values: Sequence[str]) -> Column:
    return F.array(*(F.lit(value) for value in values)).cast("array<string>")


def _last_row_per(frame: DataFrame, key: str) -> DataFrame:
    latest = F.row_number().over(Window.partitionBy(key).orderBy(F.desc("file_number"), F.desc("place")))
    kept = frame.where(F.col(key).isNotNull()).withColumn("_nth", latest).where("_nth = 1")
    return kept.drop("_nth", "file_number", "place")
