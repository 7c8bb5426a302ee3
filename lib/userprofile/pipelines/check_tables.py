"""Tables -> ops.checks: whether what is expected of them holds, before anything is learnt or said from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import SECTION, classes, dates_beside, require_expectations, require_quality
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf

MADE_BY = {"silver.events": "refine_events", "gold.user_features": "build_features"}


def check_tables(run: Run) -> Step:
    """Events before the date and features of it; profiles are checked before they are written, by infer_profiles.

    Raises UsageError for an expectation of what is not there, DataGateError for the first table that is otherwise.
    """
    require_expectations(run)
    tables = {name: run.pinned(name, made_by=job) for name, job in MADE_BY.items()}
    as_of = scoring_date(run, log_range(run, tables["silver.events"]))
    work = partial(_check, run, tables, as_of)
    return run.step("check_tables", work, inputs=list(tables.values()), sections=["source", SECTION], as_of=as_of.date)


def _check(run: Run, tables: dict[str, TableVersion], as_of: AsOf) -> Outcome:
    written = []
    for name, pinned in tables.items():
        rows = run.store.read(pinned, classes(run)[name])
        sides = _recent(run, rows, as_of) if name == "silver.events" else dates_beside(rows, as_of.date)
        of_date = rows.where(F.col("as_of_date") == F.lit(as_of.date)) if "as_of_date" in rows.columns else rows
        written.append(require_quality(run, name, of_date, as_of=as_of.date, sides=sides))
    outputs = [one for one in written if one]
    return Outcome(outputs[-1:], {"tables": len(outputs), "expectations": sum(one.rows for one in outputs)})


def _recent(run: Run, events: DataFrame, as_of: AsOf) -> tuple[DataFrame, DataFrame]:
    """Events of the last days, behind those of as many days before."""
    days = timedelta(days=run.config.check_tables.days)

    def between(start: datetime, end: datetime) -> DataFrame:
        return events.where((F.col("event_time") >= F.lit(start)) & (F.col("event_time") < F.lit(end)))

    middle = as_of.instant - days
    return between(middle - days, middle), between(middle, as_of.instant)
