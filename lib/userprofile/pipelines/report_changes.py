"""What a page tells of the profiles before: who is new, what tags came and went, how scores moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.profile_changes import MOVED, profiles_as_of
from userprofile.pipelines.report_moment import Moment
from userprofile.pipelines.steps import Run
from userprofile.report.changes import Before
from userprofile.report.words import words
from userprofile.schemas.profiles import UserProfiles
from userprofile.schemas.scores import NUMBERS, PROBABILITIES
from userprofile.tables.store import TableVersion

_COMPARED = ("user_id", "tags", "rfm_segment", *NUMBERS.values())


def profiles_before(run: Run, moment: Moment, as_of: date) -> tuple[str, DataFrame] | None:
    """Those as of the last date before, else those of the same date that an earlier run left; None without either."""
    pinned = moment.tables[PROFILES]
    dates = run.store.read(pinned, UserProfiles).where(F.col("as_of_date") < F.lit(as_of))
    if (last := dates.agg(F.max("as_of_date")).collect()[0][0]) is not None:
        return f"the profiles as of {last}", profiles_as_of(run, pinned, last)
    earlier = [
        (row, one["version"])
        for row in moment.rows
        for one in row["outputs"]
        if one["table"] == PROFILES and row["as_of_date"] == as_of and one["version"] < pinned.version
    ]
    if not earlier:
        return None
    row, version = earlier[-1]
    told = f"the profiles of the same date by run {row['run_id']} on {row['started_at']:%Y-%m-%d at %H:%M UTC}"
    return told, profiles_as_of(run, TableVersion(PROFILES, version, 0), as_of)


def compared(now: DataFrame, before: DataFrame, *, says: str, told: Callable[[str, float | None], str]) -> Before:
    """One join of both; `told` says a mean of a score's column in words."""
    both = side_by_side(now, before).drop("before_tags").persist()
    try:
        counts = both.agg(
            F.count_if("was_there").alias("users"),
            F.count_if(~F.col("was_there")).alias("new"),
            F.count_if(~F.col("is_there")).alias("gone"),
        ).collect()[0]
        kept = both.where("is_there and was_there")
        return Before(
            says, counts["users"], counts["new"], counts["gone"], tags_moved(kept), _segments(kept), _scores(kept, told)
        )
    finally:
        both.unpersist()


def side_by_side(now: DataFrame, before: DataFrame) -> DataFrame:
    """Columns of now, and those of before as before_<name>; which tags a user `gained` and `lost` rather than all."""
    earlier = before.select(*(F.col(name).alias(f"before_{name}") for name in _COMPARED))
    joined = now.select(*_COMPARED).join(earlier, F.col("user_id") == F.col("before_user_id"), "full_outer")
    return joined.select(
        "*",
        F.array_except("tags", "before_tags").alias("gained"),
        F.array_except("before_tags", "tags").alias("lost"),
        F.col("user_id").isNotNull().alias("is_there"),
        F.col("before_user_id").isNotNull().alias("was_there"),
    ).drop("tags", "user_id", "before_user_id")


def tags_moved(kept: DataFrame) -> pl.DataFrame:
    """Rows (tag, gained, lost)."""
    sides = ("gained", "lost")
    moved = [kept.select(F.explode(side).alias("tag"), F.lit(side).alias("side")) for side in sides]
    counts = [F.count_if(F.col("side") == side).alias(side) for side in sides]
    return pl.DataFrame(moved[0].unionByName(moved[1]).groupBy("tag").agg(*counts).toArrow())


def _segments(kept: DataFrame) -> pl.DataFrame:
    """Rows (before, now, users)."""
    moved = kept.where(~F.col("rfm_segment").eqNullSafe(F.col("before_rfm_segment")))
    pairs = moved.groupBy(F.col("before_rfm_segment").alias("before"), F.col("rfm_segment").alias("now"))
    return pl.DataFrame(pairs.agg(F.count("*").alias("users")).toArrow())


def _scores(kept: DataFrame, told: Callable[[str, float | None], str]) -> list[dict[str, Any]]:
    """Means over who has the score on both sides, and how many moved by a tenth or more."""
    asked = []
    for score, column in NUMBERS.items():
        now, then = F.col(column), F.col(f"before_{column}")
        far = MOVED if score in PROBABILITIES else MOVED * F.abs(then)
        both = now.isNotNull() & then.isNotNull()
        asked += [
            F.count_if(both).alias(f"{score}_users"),
            F.avg(F.when(both, then)).alias(f"{score}_before"),
            F.avg(F.when(both, now)).alias(f"{score}_now"),
            F.count_if(both & (now - then >= far) & (now > then)).alias(f"{score}_risen"),
            F.count_if(both & (then - now >= far) & (now < then)).alias(f"{score}_fallen"),
        ]
    row = kept.agg(*asked).collect()[0]
    return [
        {
            "name": words(score),
            "users": row[f"{score}_users"],
            "before": told(column, row[f"{score}_before"]),
            "now": told(column, row[f"{score}_now"]),
            "risen": row[f"{score}_risen"],
            "fallen": row[f"{score}_fallen"],
        }
        for score, column in NUMBERS.items()
        if row[f"{score}_users"]
    ]
