"""What a page tells of all profiles of a date: counts, tags, tastes, scores, and who to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from userprofile.report.score_plots import Spread
from userprofile.schemas.scores import NUMBERS, PROBABILITIES

BINS = 20
# What a reader calls the spread of a score.
_TITLES = {
    "purchase": "Users by how sure they are to buy",
    "churn": "Users by how sure they are to leave",
    "spend": "Users by expected spend",
    "days_to_purchase": "Users by days to the next purchase",
    "risk": "Users by how sure they are a risk",
}
SCORED = {name: (column, _TITLES[name]) for name, column in NUMBERS.items()}
SEEN = {"seen": ("days_since_any", "Users by days since they were last seen")}
_LONGEST_TAIL, _TAIL_ACCURACY = 0.98, 1_000


def headline(profiles: DataFrame) -> dict[str, Any]:
    """Counts and means over all profiles; those of scores are null where there are none."""
    row = profiles.agg(
        F.count("*").alias("users"),
        F.count_if(F.col("days_since_any") <= 30).alias("active"),
        F.count_if(F.col("days_since_purchase") <= 30).alias("buyers"),
        F.sum("spend_all").alias("spend"),
        F.sum("expected_spend").alias("expected_spend"),
        F.sum("purchase_probability").alias("will_buy"),
        F.sum("churn_probability").alias("will_leave"),
        F.max("model_version").alias("model_version"),
        F.max("currency").alias("currency"),
        F.max("scored_at").alias("scored_at"),
        F.max("scores_missing_because").alias("scores_missing_because"),
    ).collect()[0]
    return row.asDict()


def segments(profiles: DataFrame) -> dict[str | None, int]:
    """Users by RFM segment; None for those who never bought."""
    return {row["rfm_segment"]: row["count"] for row in profiles.groupBy("rfm_segment").count().collect()}


def tag_counts(profiles: DataFrame) -> pl.DataFrame:
    """Rows (tag, users)."""
    tags = profiles.select(F.explode(F.array_distinct("tags")).alias("tag"))
    return pl.DataFrame(tags.groupBy("tag").agg(F.count("*").alias("users")).toArrow())


def liked(profiles: DataFrame, users: int) -> pl.DataFrame:
    """Rows (level, name, share): the mean over all users of their share of interest in a category, two levels."""
    levels = [
        profiles.select(F.lit(level).alias("level"), F.explode(f"category_{level}_affinity").alias("one"))
        for level in (1, 2)
    ]
    summed = levels[0].unionByName(levels[1]).groupBy("level", F.col("one.name").alias("name"))
    return pl.DataFrame(summed.agg((F.sum("one.score") / users).alias("share")).toArrow())


def spreads(profiles: DataFrame, numbers: Mapping[str, tuple[str, str]], *, minor_units: int) -> list[Spread]:
    """Of each of `numbers` that somebody has, users in equally wide bins; the last bin is open.

    Amounts are in whole units of the currency.
    """
    tails = [_end(name, column).alias(name) for name, (column, _) in numbers.items()]
    ends = {name: float(end) for name, end in profiles.agg(*tails).collect()[0].asDict().items() if end}
    if not ends:
        return []
    bins = profiles.select(*(_bin(numbers[name][0], end).alias(name) for name, end in ends.items()))
    counted = bins.unpivot([], list(ends), "name", "bin").groupBy("name", "bin").count().collect()
    counts = {(row["name"], row["bin"]): row["count"] for row in counted}
    return [
        Spread(
            name,
            numbers[name][1],
            [end * edge / BINS / (10**minor_units if name == "spend" else 1) for edge in range(BINS + 1)],
            [counts.get((name, at), 0) for at in range(BINS)],
            name in PROBABILITIES,
        )
        for name, end in ends.items()
    ]


def _end(name: str, column: str) -> Column:
    """Where the last bin begins to be open; null where nobody has the number."""
    if name in PROBABILITIES:
        return F.when(F.count(column) > 0, F.lit(1.0))
    return F.percentile_approx(column, _LONGEST_TAIL, _TAIL_ACCURACY)


def _bin(column: str, end: float) -> Column:
    return F.least(F.floor(F.col(column) * BINS / end), F.lit(BINS - 1))


def examples(profiles: DataFrame, wanted: int) -> Sequence[dict[str, Any]]:
    """One of each segment first, so that a reader sees different people."""
    shown = profiles.select("user_id", "rfm_segment", "spend_all")
    of_segment = Window.partitionBy("rfm_segment").orderBy(F.desc("spend_all"), "user_id")
    ranked = shown.withColumn("nth", F.row_number().over(of_segment)).where(F.col("nth") <= wanted)
    rows = ranked.orderBy("nth", F.desc("spend_all"), "user_id").limit(wanted).collect()
    chosen = profiles.where(F.col("user_id").isin([row["user_id"] for row in rows])).select("user_id", "tags").collect()
    tags = {row["user_id"]: row["tags"] for row in chosen}
    return [{**row.asDict(), "tags": tags[row["user_id"]]} for row in rows]
