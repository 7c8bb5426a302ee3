"""Expectations of tables, as configured: measured by Spark, kept in ops.checks, and a gate where one is not met."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.audit.drift import Drift, drifts
from userprofile.audit.limits import (
    OF_TABLE,
    Finding,
    TableExpectation,
    drift_findings,
    findings,
    recent_finding,
    recent_measure,
)
from userprofile.errors import DataGateError
from userprofile.pipelines.checked_tables import classes
from userprofile.pipelines.steps import Run
from userprofile.schemas.ops import OpsChecks
from userprofile.tables.store import TableVersion

CHECKS = "ops.checks"
SECTION = "check_tables"


def require_quality(
    run: Run,
    table: str,
    rows: DataFrame,
    *,
    as_of: date,
    sides: tuple[DataFrame, DataFrame] | None = None,
    recent: DataFrame | None = None,
) -> TableVersion | None:
    """Measure what is expected of the table's rows of the date, and keep the findings in ops.checks.

    Drift is told from the first to the second of `sides`, if there are any. `recent` are the rows of the last days, of
    a table that holds all that ever came. None where nothing is expected.
    Raises DataGateError, after all was measured, for whatever is not as expected.
    """
    expected = run.config.check_tables.tables.get(table)
    if expected is None:
        return None
    measured = _measured(rows, expected, classes(run)[table].primary_key())
    found = findings(expected, earlier=_earlier(run, table, as_of, "rows"), **measured)
    if expected.recent_rows is not None and recent is not None:
        found.append(_of_recent(run, table, expected.recent_rows, recent.count(), as_of))
    found += drift_findings(expected, _drifts(run, table, expected, sides) if sides else [])
    written = _write(run, table, as_of, found, measured["rows"])
    if broken := [one.told() for one in found if not one.passed]:
        raise DataGateError(
            f"{table} as of {as_of} is not as expected",
            expected=f"what check_tables.tables.{table} says",
            received="; ".join(broken),
            fix="mend the data, or the expectation; what was published before stands as it was",
        )
    return written


def require_written(run: Run, written: TableVersion, *, as_of: date, where: str = "true") -> list[TableVersion]:
    """The same of a table that comes after the gate, of its rows for which `where` holds, once they are written: where
    they are not as expected, the step that wrote them is not done. The version of ops.checks, if anything is expected.
    """
    if written.table not in run.config.check_tables.tables:
        return []
    rows = run.store.read(written, classes(run)[written.table]).where(where)
    checks = require_quality(run, written.table, rows, as_of=as_of)
    return [checks] if checks else []


def dates_beside(rows: DataFrame, as_of: date, now: DataFrame | None = None) -> tuple[DataFrame, DataFrame] | None:
    """Rows of the last date before, and `now` or those of the date; None where there is no date before."""
    last = rows.where(F.col("as_of_date") < F.lit(as_of)).agg(F.max("as_of_date")).collect()[0][0]
    if last is None:
        return None
    of_date = rows.where(F.col("as_of_date") == F.lit(as_of)) if now is None else now
    return rows.where(F.col("as_of_date") == F.lit(last)), of_date


def _measured(rows: DataFrame, expected: TableExpectation, key: list[str]) -> dict[str, Any]:
    """What audit.limits.findings takes, in one pass."""
    asked: list[Column] = [F.count("*").alias("rows")]
    asked.append((F.count_distinct(*key) if expected.unique else F.lit(0)).alias("keys"))
    for name in expected.columns:
        limits = expected.columns[name]
        ranged = limits.least is not None or limits.most is not None
        number = F.col(name).cast("double") if ranged else F.lit(None)
        asked += [F.count_if(F.col(name).isNull()).alias(f"{name} nulls")]
        asked += [F.min(number).alias(f"{name} least"), F.max(number).alias(f"{name} most")]
    row = rows.agg(*asked).collect()[0]
    columns = {name: {one: row[f"{name} {one}"] for one in ("nulls", "least", "most")} for name in expected.columns}
    return {"rows": row["rows"], "keys": row["keys"], "columns": columns}


def _drifts(run: Run, table: str, expected: TableExpectation, sides: tuple[DataFrame, DataFrame]) -> list[Drift]:
    names = [name for name, limits in expected.columns.items() if limits.drift is not None]
    if not names:
        return []
    settings = run.config.check_tables
    key = [name for name in classes(run)[table].primary_key() if name != "as_of_date"]

    def some(frame: DataFrame) -> pl.DataFrame:
        by_hash = F.xxhash64(F.lit(settings.seed), *key)
        return pl.DataFrame(frame.orderBy(by_hash).select(*names).limit(settings.drift_rows).toArrow())

    samples = [some(side) for side in sides]
    found: list[Drift] = []
    for name in names:
        # Of what is known: a date before there was a model has no scores, and how many are null has its own limit.
        then, now = (sample.select(name).drop_nulls() for sample in samples)
        found += drifts(then, now, names=[name], between=("before", "now"))
    return found


def _of_recent(run: Run, table: str, fewer: float, rows: int, as_of: date) -> Finding:
    days = run.config.check_tables.recent_days
    return recent_finding(rows, days=days, fewer=fewer, earlier=_earlier(run, table, as_of, recent_measure(days)))


def _earlier(run: Run, table: str, as_of: date, measure: str) -> list[float]:
    """What was measured of the table on the last dates that were as expected."""
    if not run.store.exists(CHECKS):
        return []
    told = run.store.small(run.store.pin(CHECKS), OpsChecks).filter(
        (pl.col("check") == table) & (pl.col("subject") == OF_TABLE) & (pl.col("as_of_date") < as_of)
    )
    measured = pl.col("value").filter(pl.col("measure") == measure).first()
    good = told.group_by("as_of_date").agg(pl.col("passed").all(), measured).filter("passed").drop_nulls("value")
    return good.sort("as_of_date").tail(run.config.check_tables.dates)["value"].to_list()


def _write(run: Run, table: str, as_of: date, found: list[Finding], rows: int) -> TableVersion:
    shared = {"run_id": run.run_id, "check": table, "as_of_date": as_of, "rows": rows, "checked_at": run.started_at}
    told = [
        {
            **shared,
            "subject": one.subject,
            "measure": one.measure,
            "value": float(one.value),
            "passed": one.passed,
            "expects": one.expects,
            "base_rate": one.usual,
        }
        for one in found
    ]
    empty = OpsChecks.create_empty()
    frame = pl.concat([empty, pl.DataFrame(told, infer_schema_length=None)], how="diagonal_relaxed")
    where = f"as_of_date = date'{as_of}' and `check` = '{table}'"
    return run.store.replace_small(OpsChecks.validate(frame, cast=True), CHECKS, OpsChecks, where=where)
