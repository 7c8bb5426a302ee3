"""Tags of users: rules of a file, evaluated by Spark on features and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from userprofile.config.settings import Tags
from userprofile.pipelines.tag_rules import BRAND, USUAL
from userprofile.tags.definition import Tag

SEPARATOR = " / "  # between the levels of a category's path
FOUND = "found"


def values_of(features: DataFrame, categories: DataFrame) -> dict[str, DataFrame]:
    """What tags with `each` are about, with `lift`, by kind: of gold.user_features and gold.user_category_features of
    one date. Lift is the user's affinity over the mean of all users, of whom those without a row count as 0.
    """
    brands = features.select("user_id", F.inline("brand_affinity")).toDF("user_id", *BRAND)
    users = features.count()
    return {kind: _with_lift(rows, kind, users) for kind, rows in (("category", categories), ("brand", brands))}


def with_found(rows: DataFrame, values: Mapping[str, DataFrame], *, settings: Tags, as_of: date) -> DataFrame:
    """Adds FOUND to gold.user_features, with or without scores: array<struct<words, name, value>>, never null.

    At most `settings.most` of the tags that hold on the date, most telling first. `words` are those of a profile,
    `name` is the tag's in its file, `value` the category's path or the brand where it is about one. A rule never fires
    that reads a column which USUAL has and `rows` lacks.
    """
    wanted = list(enumerate(settings.file.on(as_of)))
    later = {field.name: F.lit(None).cast(field.dataType) for field in USUAL if field.name not in rows.columns}
    held = _held([(place, tag) for place, tag in wanted if not tag.each])
    tagged = rows.withColumns(later).withColumn("held", held).drop(*later)
    for kind, of_kind in values.items():
        if tags := [(place, tag) for place, tag in wanted if tag.each == kind]:
            more = _each(of_kind, kind, tags)
            both = F.when(F.col("more").isNull(), F.col("held")).otherwise(F.concat("held", "more"))
            tagged = tagged.join(more, "user_id", "left").withColumn("held", both).drop("more")
    first = F.slice(F.array_sort("held"), 1, settings.most)
    return tagged.withColumn(FOUND, F.transform(first, lambda one: one.dropFields("place", "nth"))).drop("held")


def _held(tags: Sequence[tuple[int, Tag]]) -> Column:
    """Of each tag whose rule holds, struct<place, nth, words, name, value>."""
    none, first = F.lit(None).cast("string"), F.lit(0)
    nothing = F.when(F.lit(False), _one(0, first, F.lit(""), "", none))
    fired = [F.when(F.expr(tag.rule), _one(place, first, F.lit(tag.name), tag.name, none)) for place, tag in tags]
    return F.filter(F.array(nothing, *fired), lambda one: one.isNotNull())


def _one(place: int, nth: Column, words: Column, name: str, value: Column) -> Column:
    parts = {"place": F.lit(place), "nth": nth, "words": words, "name": F.lit(name), "value": value}
    return F.struct(*(part.alias(key) for key, part in parts.items()))


def _each(values: DataFrame, kind: str, tags: Sequence[tuple[int, Tag]]) -> DataFrame:
    """`more` by user: the same of tags about one value at a time, for each its strongest values."""
    said = F.element_at(F.split(kind, SEPARATOR), -1) if kind == "category" else F.col(kind)
    fired = []
    for place, tag in tags:
        before, after = tag.around
        words = F.concat(F.lit(before), said, F.lit(after))
        one = _one(place, F.lit(0), words, tag.name, F.col(kind)).alias("one")
        strength = F.expr(tag.strongest).cast("double").alias("strength")
        fired.append(F.when(F.expr(tag.rule), F.struct(F.lit(tag.most).alias("most"), strength, one)))
    rows = values.select("user_id", F.inline(F.filter(F.array(*fired), lambda one: one.isNotNull())))
    strongest = Window.partitionBy("user_id", "one.place").orderBy(F.desc_nulls_last("strength"), "one.value")
    kept = rows.withColumn("nth", F.row_number().over(strongest)).where("nth <= most")
    return kept.groupBy("user_id").agg(F.collect_list(F.col("one").withField("nth", F.col("nth"))).alias("more"))


def _with_lift(values: DataFrame, kind: str, users: int) -> DataFrame:
    mean = values.groupBy(kind).agg((F.sum("affinity") / F.lit(users)).alias("mean"))
    lift = F.when(F.col("mean") > 0, F.col("affinity") / F.col("mean"))
    return values.join(mean, kind).withColumn("lift", lift).drop("mean")
