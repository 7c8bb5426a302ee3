"""The same job in plain PySpark SQL: groupBy, window functions and collect_list, joined by user.

Distinct counts go by a first groupBy per user and key, not by count_distinct, which would multiply the rows; codes meet
their words by broadcast. To shuffle the events by user once, before all else, took as much processor time.
"""

from __future__ import annotations

from functools import reduce

import features_shop
from features_duckdb import DAY
from features_job import ACTIONS, FIFTY, HALF_LIFE_DAYS, LAST_EVENTS, RANKED, TOP, WINDOWS
from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from userprofile.columns import ACTION_CODE, Action
from userprofile.features.affinity import ACTION_WEIGHTS
from userprofile.features.sequences import CODES
from userprofile.windows import AsOf, Window


def user_rows(events: DataFrame, as_of: AsOf) -> DataFrame:
    """One row per user with an event known before the date, in the columns of the job."""
    known = events.where(F.col("known_at") < F.lit(as_of.instant)).withColumn("time", F.unix_micros("event_time"))
    names = events.sparkSession.createDataFrame(features_shop.names().to_arrow())
    instant = int(as_of.instant.timestamp() * 1e6)
    tables = [
        known.groupBy("user_id").agg(*_of_events(instant)),
        _counted(known, "active_days", F.floor(F.col("time") / DAY), instant),
        _counted(known.where(_did(Action.PURCHASE)), "orders", F.coalesce("order", "time"), instant),
        known.where("item IS NOT NULL")
        .groupBy("user_id", "item")
        .count()
        .groupBy("user_id")
        .agg(F.count("*").alias("distinct_items_all")),
        *(_ranking(known, kind, names, instant) for kind in RANKED),
        _last_events(known, instant),
    ]
    joined = reduce(lambda left, right: left.join(right, "user_id", "left"), tables)
    sequences = [F.col(f"events.{name}").alias(f"sequence_{name}") for name in (*CODES, "age_days", "gap_days")]
    return joined.select("user_id", F.lit(as_of.date).alias("as_of_date"), *map(_column, FIFTY), *sequences)


def _did(action: str) -> Column:
    return F.col("action") == ACTION_CODE[action]


def _within(window: Window, instant: int, time: str = "time") -> Column:
    return F.lit(True) if window.days is None else F.col(time) >= instant - window.days * DAY


def _of_events(instant: int) -> list[Column]:
    """What one pass over the events tells of a user."""
    bought, amount, discount = _did(Action.PURCHASE), F.col("amount"), F.col("discount")
    since = {action: F.max(F.when(_did(action), F.col("time"))) for action in ACTIONS} | {"any": F.max("time")}
    return [
        *(
            F.count_if(_did(action) & _within(window, instant)).alias(f"{action}_count_{window.name}")
            for action in ACTIONS
            for window in WINDOWS
        ),
        *(
            F.sum(F.when(bought & _within(window, instant), amount)).alias(f"known_spend_{window.name}")
            for window in WINDOWS
        ),
        *(((instant - last) / DAY).alias(f"days_since_{what}") for what, last in since.items()),
        ((instant - F.min("time")) / DAY).alias("tenure_days"),
        F.sum(F.when(bought & amount.isNotNull(), discount)).alias("all_discount"),
        F.sum(F.when(bought, amount + discount)).alias("all_gross"),
    ]


def _counted(known: DataFrame, name: str, key: Column, instant: int) -> DataFrame:
    """Different keys per window: a key counts in every window that its last event lies in."""
    keys = known.groupBy("user_id", key.alias("key")).agg(F.max("time").alias("last"))
    counts = (F.count_if(_within(window, instant, "last")).alias(f"{name}_{window.name}") for window in WINDOWS)
    return keys.groupBy("user_id").agg(*counts)


def _ranking(known: DataFrame, kind: str, names: DataFrame, instant: int) -> DataFrame:
    parts = [F.lit(part) for action, weight in ACTION_WEIGHTS.items() for part in (ACTION_CODE[action], weight)]
    weight = F.coalesce(F.create_map(*parts)[F.col("action").cast("int")], F.lit(0.0))
    faded = weight * F.pow(F.lit(2.0), -((instant - F.col("time")) / DAY / HALF_LIFE_DAYS))
    scores = known.where(F.col(kind).isNotNull()).groupBy("user_id", F.col(kind).alias("code"))
    scored = scores.agg(F.sum(faded).alias("score")).where("score > 0")
    rank = F.row_number().over(Over.partitionBy("user_id").orderBy(F.desc("score"), "code"))
    total = F.sum("score").over(Over.partitionBy("user_id"))
    strongest = scored.withColumns({"rank": rank, "total": total}).where(F.col("rank") <= TOP)
    words = names.where(F.col("kind") == kind).select("code", F.col("value").alias("name"))
    pair = F.struct("rank", "name", (F.col("score") / F.col("total")).alias("score"))
    ranked = (
        strongest.join(F.broadcast(words), "code")
        .groupBy("user_id")
        .agg(F.sort_array(F.collect_list(pair)).alias("pairs"))
    )
    ranking = F.transform("pairs", lambda one: F.struct(one["name"].alias("name"), one["score"].alias("score")))
    return ranked.select("user_id", ranking.alias(f"{kind}_affinity"))


def _last_events(known: DataFrame, instant: int) -> DataFrame:
    latest = Over.partitionBy("user_id").orderBy(F.desc("time"), F.desc("event_order"))
    placed = known.withColumns(
        {"place": F.row_number().over(latest), "before": F.coalesce(F.lead("time").over(latest), "time")}
    )
    last = placed.where(F.col("place") <= LAST_EVENTS)
    spans = {"age_days": instant - F.col("time"), "gap_days": F.col("time") - F.col("before")}
    days = [(span / DAY).cast("float").alias(name) for name, span in spans.items()]
    event = F.struct("time", "event_order", *(F.coalesce(name, F.lit(0)).alias(name) for name in CODES), *days)
    return last.groupBy("user_id").agg(F.sort_array(F.collect_list(event)).alias("events"))


def _column(name: str) -> Column:
    """What is missing of a user is 0, or null by the catalogue's rules."""
    stem, _, window = name.rpartition("_")
    column = F.col(name)
    if stem in ("active_days", "orders", "distinct_items"):
        column = F.coalesce(name, F.lit(0))
    elif stem == "spend":
        column = _spend(window)
    elif stem == "average_order_value":
        column = F.when(F.col(f"orders_{window}") > 0, _spend(window) / F.col(f"orders_{window}"))
    elif name == "discount_share":
        column = F.when(F.col("all_gross") > 0, F.col("all_discount") / F.col("all_gross"))
    elif stem in RANKED:
        column = F.coalesce(name, F.array())
    return column.alias(name)


def _spend(window: str) -> Column:
    """0 where nothing was bought, null where no amount of what was bought is known."""
    return F.when(F.col(f"purchase_count_{window}") == 0, 0).otherwise(F.col(f"known_spend_{window}"))
