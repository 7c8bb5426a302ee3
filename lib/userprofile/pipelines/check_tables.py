"""Tables -> ops.checks: whether what is expected of them holds, before anything is learnt or said from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines.checked_tables import ALWAYS, BEFORE_PROFILES, EVENT_TIME, classes, require_expectations
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import SECTION, dates_beside, require_quality
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf


def check_tables(run: Run) -> Step:
    """Events, features of the date, and what else is expected something of and there before profiles are. These are
    checked before they are written, by infer_profiles, and what comes of them after.

    Raises UsageError for an expectation of what is not there, DataGateError for the first table that is otherwise.
    """
    require_expectations(run)
    wanted = [name for name in BEFORE_PROFILES if name in ALWAYS or name in run.config.check_tables.tables]
    tables = {name: run.pinned(name, made_by=BEFORE_PROFILES[name]) for name in wanted}
    as_of = scoring_date(run, log_range(run, tables["silver.events"]))
    work = partial(_check, run, tables, as_of)
    return run.step("check_tables", work, inputs=list(tables.values()), sections=["source", SECTION], as_of=as_of.date)


def _check(run: Run, tables: dict[str, TableVersion], as_of: AsOf) -> Outcome:
    known = classes(run)
    written = [_checked(run, name, run.store.read(pinned, known[name]), as_of) for name, pinned in tables.items()]
    outputs = [one for one in written if one]
    return Outcome(outputs[-1:], {"tables": len(outputs), "expectations": sum(one.rows for one in outputs)})


def _checked(run: Run, table: str, rows: DataFrame, as_of: AsOf) -> TableVersion | None:
    if EVENT_TIME in rows.columns:
        settings = run.config.check_tables
        sides, recent = _sides(rows, as_of, settings.days), _last(rows, as_of.instant, settings.recent_days)
        return require_quality(run, table, rows, as_of=as_of.date, sides=sides, recent=recent)
    if "as_of_date" in rows.columns:
        of_date = rows.where(F.col("as_of_date") == F.lit(as_of.date))
        return require_quality(run, table, of_date, as_of=as_of.date, sides=dates_beside(rows, as_of.date))
    return require_quality(run, table, rows, as_of=as_of.date)


def _sides(events: DataFrame, as_of: AsOf, days: int) -> tuple[DataFrame, DataFrame]:
    """Events of the last days, behind those of as many days before."""
    return _last(events, as_of.instant - timedelta(days=days), days), _last(events, as_of.instant, days)


def _last(events: DataFrame, end: datetime, days: int) -> DataFrame:
    start = end - timedelta(days=days)
    return events.where((F.col(EVENT_TIME) >= F.lit(start)) & (F.col(EVENT_TIME) < F.lit(end)))
