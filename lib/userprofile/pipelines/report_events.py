"""What a page tells of all events: what came in, what was done from month to month, who came back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.columns import ACTIONS, Action
from userprofile.pipelines.report_moment import Moment
from userprofile.pipelines.steps import Run
from userprofile.schemas.events import BronzeEvents, QuarantineEvents, SilverEvents
from userprofile.tables.commits import commit_of
from userprofile.windows import AsOf


def balance(run: Run, moment: Moment) -> tuple[dict[str, int], dict[str, int]]:
    """in = accepted + duplicate + quarantined, of the tables; and the quarantined by reason.

    Rows that name no user, where the mapping drops them, are in no table: `dropped` is known where the last refining
    was of all files, else they are among the duplicates.
    """
    rows = {
        name: commit_of(run.store, moment.tables[table]).rows if table in moment.tables else 0
        for name, table in (
            ("in", "bronze.events"),
            ("accepted", "silver.events"),
            ("quarantined", "quarantine.events"),
        )
    }
    last = moment.latest("refine_events", "replay_quarantine")
    dropped = last["metrics"].get("without_user_dropped", 0) if last else 0
    if last and last["metrics"]["in"] + dropped == rows["in"]:
        rows |= {"in": rows["in"] - dropped, "dropped": dropped}
    rows["duplicate"] = rows["in"] - rows["accepted"] - rows["quarantined"]
    reasons = {}
    if rows["quarantined"]:
        refused = run.store.read(moment.tables["quarantine.events"], QuarantineEvents)
        reasons = {row["reason"]: row["count"] for row in refused.groupBy("reason").count().collect()}
    return rows, reasons


def files(run: Run, moment: Moment) -> list[dict[str, Any]]:
    """Name and rows of each file, in the order in which they came; where they lay is nobody's business."""
    rows = run.store.read(moment.tables["bronze.events"], BronzeEvents)
    counted = rows.groupBy("file_number", "source_file").count().orderBy("file_number").collect()
    return [{"name": row["source_file"].rsplit("/", 1)[-1], "rows": row["count"]} for row in counted]


def events_before(run: Run, moment: Moment, as_of: AsOf) -> DataFrame:
    """Accepted events before the date, each with the `month` that it lies in, in the source's time zone.

    Months are numbers, 12 * year + month - 1, which are grouped faster than texts.
    """
    pinned, zone = moment.tables["silver.events"], ZoneInfo(run.config.source.timezone)
    first, _ = run.store.bounds(pinned, "event_time")
    events = run.store.read(pinned, SilverEvents).where(F.col("event_time") < as_of.instant)
    return events.withColumn("month", month_of("event_time", first or as_of.instant, as_of.instant, zone))


def month_of(column: str, first: datetime, end: datetime, zone: ZoneInfo) -> Column:
    """The month of times from `first` to `end`, told by the instants at which months begin: to read times and to take
    each apart is four times as long.
    """
    begun, ends = (12 * local.year + local.month - 1 for local in (first.astimezone(zone), end.astimezone(zone)))
    starts = [datetime(month // 12, month % 12 + 1, 1, tzinfo=zone) for month in range(begun + 1, ends + 1)]
    return _sum([F.lit(begun), *((F.col(column) >= F.lit(start)).cast("int") for start in starts)])


def _sum(columns: Sequence[Column]) -> Column:
    """By halves: a sum of hundreds, one inside the other, is too deep for Spark's optimizer."""
    half = len(columns) // 2
    return columns[0] if half == 0 else _sum(columns[:half]) + _sum(columns[half:])


def months_of(events: DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Rows (month, users, buyers, and a count of each action) of events_before; `users` are users_of."""
    counts = [F.count_if(F.col("action") == action).alias(action) for action in ACTIONS]
    acts = pl.DataFrame(events.groupBy("month").agg(*counts).toArrow())
    return acts.join(users, "month").with_columns(month_name("month")).sort("month")


def users_by_month(events: DataFrame) -> DataFrame:
    """Rows (user, month, bought), a user known by a hash: the one shuffle of all events, of few bytes each."""
    user, bought = F.xxhash64("user_id").alias("user"), F.max(F.col("action") == Action.PURCHASE).alias("bought")
    return events.groupBy(user, "month").agg(bought)


def users_of(user_month: DataFrame) -> pl.DataFrame:
    """Rows (month, users, buyers) of users_by_month."""
    counted = user_month.groupBy("month").agg(F.count("*").alias("users"), F.count_if("bought").alias("buyers"))
    return pl.DataFrame(counted.toArrow())


def retention_of(user_month: DataFrame) -> pl.DataFrame:
    """Rows (cohort, month, users): of those who first bought in the one month, who bought in the other."""
    bought = user_month.where("bought").select("user", "month")
    months = bought.groupBy("user").agg(F.min("month").alias("cohort"), F.collect_list("month").alias("months"))
    counted = months.select("cohort", F.explode("months").alias("month")).groupBy("cohort", "month").count()
    rows = pl.DataFrame(counted.toArrow()).rename({"count": "users"})
    return rows.with_columns(month_name("cohort"), month_name("month"))


def month_name(column: str) -> pl.Expr:
    """Its months as text that sorts, as 2017-11."""
    year, month = pl.col(column) // 12, pl.col(column) % 12 + 1
    return pl.format("{}-{}", year, month.cast(pl.String).str.zfill(2)).alias(column)
