"""What sets the users of a segment apart from all users: numbers, and categories they like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.explain.topics import TOPICS
from userprofile.features.catalogue import dense_names, user_features_schema
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.steps import Run
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import Segments
from userprofile.tables.store import TableVersion

FEATURES_KEPT, CATEGORIES_KEPT = 5, 5

# A category that everyone hardly buys is a chance find.
_LEAST_SHARE = 0.002

Row = dict[str, Any]


def described(
    run: Run, of_users: DataFrame, profiles: DataFrame, features: TableVersion, told: Mapping[str, Any]
) -> pl.DataFrame:
    """Rows of gold.segments; `of_users` are (user_id, segment), `told` is what all segments have alike."""
    of_users = of_users.persist()
    try:
        sizes = {row["segment"]: row["count"] for row in of_users.groupBy("segment").count().collect()}
        numbers = _numbers(run, of_users, features, told)
        categories = _categories(of_users.join(profiles.select("user_id", "category_2_affinity"), "user_id"), sizes)
    finally:
        of_users.unpersist()
    users = sum(sizes.values())
    rows = [
        {
            **told,
            "segment": segment,
            "users": size,
            "share": size / users,
            "features": numbers[segment],
            "categories": categories.get(segment, []),
        }
        for segment, size in sorted(sizes.items())
    ]
    return pl.DataFrame(pa.Table.from_pylist(rows, arrow_schema(Segments)))


def shown_features(names: list[str]) -> list[str]:
    """One number of each topic that people know: of several windows that of 90 days, else the longest."""
    shown = []
    for topic in TOPICS:
        windows = (topic.value, f"{topic.value}_90d", f"{topic.value}_all")
        shown += [name for name in windows if name in names][:1]
    return shown


def _numbers(run: Run, of_users: DataFrame, features: TableVersion, told: Mapping[str, Any]) -> dict[int, list[Row]]:
    """Means over the users who have a value; what all users have alike is left out."""
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    shown = shown_features(dense_names(catalogue))
    of_date = F.col("as_of_date") == F.lit(told["as_of_date"])
    rows = of_users.join(run.store.read(features, user_features_schema(catalogue)).where(of_date), "user_id")
    means = [F.avg(name).alias(name) for name in shown]
    of_all = rows.agg(*means, *(F.stddev(name).alias(f"{name} deviation") for name in shown)).collect()[0].asDict()
    found: dict[int, list[Row]] = {}
    for row in rows.groupBy("segment").agg(*means).collect():
        differing: list[Row] = [
            {
                "name": name,
                "mean": float(row[name]),
                "mean_of_all": float(of_all[name]),
                "difference": float((row[name] - of_all[name]) / of_all[f"{name} deviation"]),
            }
            for name in shown
            if row[name] is not None and of_all[f"{name} deviation"]
        ]
        differing.sort(key=lambda one: (-abs(one["difference"]), one["name"]))
        found[row["segment"]] = differing[:FEATURES_KEPT]
    return found


def _categories(liking: DataFrame, sizes: Mapping[int, int]) -> dict[int, list[Row]]:
    """By how many times a segment's mean affinity is that of all users, where it is above."""
    one = liking.select("segment", F.explode("category_2_affinity").alias("one"))
    sums = one.groupBy("segment", F.col("one.name").alias("name")).agg(F.sum("one.score").alias("score"))
    frame = pl.DataFrame(sums.toArrow())
    if frame.is_empty():
        return {}
    users = pl.DataFrame(
        {"segment": list(sizes), "users": list(sizes.values())}, schema={"segment": pl.Int16, "users": pl.Int64}
    )
    of_all = frame.group_by("name").agg((pl.col("score").sum() / sum(sizes.values())).alias("of_all"))
    lifted = (
        frame.join(of_all, "name")
        .join(users, "segment")
        .filter(pl.col("of_all") >= _LEAST_SHARE)
        .select("segment", "name", (pl.col("score") / pl.col("users") / pl.col("of_all")).alias("score"))
        .filter(pl.col("score") > 1)
        .sort("segment", "score", "name", descending=[False, True, False])
        .group_by("segment", maintain_order=True)
        .head(CATEGORIES_KEPT)
    )
    return {
        int(segment): part.select("name", "score").to_dicts()
        for (segment,), part in lifted.partition_by("segment", as_dict=True).items()
    }
