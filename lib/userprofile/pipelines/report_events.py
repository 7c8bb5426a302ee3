"""What a page tells of all events: what came in, what was done from month to month, who came back."""

from __future__ import annotations

from typing import Any

import polars as pl
from pyspark.sql import DataFrame
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


def user_months(run: Run, moment: Moment, as_of: AsOf) -> DataFrame:
    """Rows (user_id, month, and a count of each action) of events before the date; months of the source's time zone.

    The one shuffle of all events; what is asked of months comes from these few rows.
    """
    events = run.store.read(moment.tables["silver.events"], SilverEvents).where(F.col("event_time") < as_of.instant)
    month = F.date_format(F.from_utc_timestamp("event_time", run.config.source.timezone), "yyyy-MM")
    counts = [F.count_if(F.col("action") == action).alias(action) for action in ACTIONS]
    return events.groupBy("user_id", month.alias("month")).agg(*counts)


def months_of(user_month: DataFrame) -> pl.DataFrame:
    """Rows (month, users, buyers, and a count of each action)."""
    sums = [F.sum(action).alias(action) for action in ACTIONS]
    buyers = F.count_if(F.col(Action.PURCHASE) > 0).alias("buyers")
    return pl.DataFrame(user_month.groupBy("month").agg(F.count("*").alias("users"), buyers, *sums).toArrow())


def retention_of(user_month: DataFrame) -> pl.DataFrame:
    """Rows (cohort, month, users): of those who first bought in the one month, who bought in the other."""
    bought = user_month.where(F.col(Action.PURCHASE) > 0).select("user_id", "month")
    first = bought.groupBy("user_id").agg(F.min("month").alias("cohort"))
    counted = bought.join(first, "user_id").groupBy("cohort", "month").agg(F.count("*").alias("users"))
    return pl.DataFrame(counted.toArrow())
