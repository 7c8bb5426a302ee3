"""How often tags are given, together and again, counted in Spark from rows of gold.user_profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.tags.definition import Tag, TagFile


@dataclass(frozen=True)
class Counts:
    """By the tag's name, "" of words that no tag of the file gives."""

    users: int  # all
    having: dict[str, int]  # users with the tag, or, of one with `each`, with some of its words
    both: dict[tuple[str, str], int]  # users with two tags, both ways round
    kept: dict[str, tuple[int, int]]  # words given before to users who are there now, and those of them given again


def counts_of(now: DataFrame, before: DataFrame | None, file: TagFile) -> Counts:
    """Of two scorings of all users; `kept` is empty without one before."""
    given = _words(now)
    names = _names(given if before is None else given.union(_words(before)), file)
    having = given.join(F.broadcast(names), "words").select("user_id", "name").distinct().cache()
    other = having.withColumnRenamed("name", "other")
    both = having.join(other, "user_id").where("name != other").groupBy("name", "other").count()
    counts = Counts(
        users=now.count(),
        having={row["name"]: row["count"] for row in having.groupBy("name").count().collect()},
        both={(row["name"], row["other"]): row["count"] for row in both.collect()},
        kept={} if before is None else _kept(before, now, names),
    )
    having.unpersist()
    return counts


def never_given(profiles: DataFrame, tags: Sequence[Tag]) -> list[str]:
    """Names of the tags that no user has: whose rule never fires, or only behind more telling ones than are kept."""
    words = {row["words"] for row in _words(profiles).select("words").distinct().collect()}
    return [tag.name for tag in tags if not any(map(tag.gave, words if tag.each else words & {tag.name}))]


def _words(profiles: DataFrame) -> DataFrame:
    return profiles.select("user_id", F.explode("tags").alias("words"))


def _names(given: DataFrame, file: TagFile) -> DataFrame:
    """`words` and the `name` of their tag. Different words are few: a tag's, or one a category or brand."""
    words = [row["words"] for row in given.select("words").distinct().collect()]
    rows = [(one, tag.name if (tag := file.of(one)) else "") for one in words]
    return given.sparkSession.createDataFrame(rows, "words string, name string").coalesce(1)


def _kept(before: DataFrame, now: DataFrame, names: DataFrame) -> dict[str, tuple[int, int]]:
    both = before.select("user_id", "tags").join(now.select("user_id", F.col("tags").alias("now")), "user_id")
    again = F.array_contains("now", F.col("words")).cast("int")
    words = both.select(F.explode("tags").alias("words"), "now").select("words", again.alias("again"))
    counted = words.join(F.broadcast(names), "words").groupBy("name").agg(F.count("*"), F.sum("again"))
    return {row[0]: (row[1], row[2]) for row in counted.collect()}
