"""Tables -> ops.checks: whether what is expected of them holds, before anything is learnt or said from them."""

from __future__ import annotations

from datetime import date
from functools import partial

from pyspark.sql import functions as F

from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import SECTION, before_date, classes, require_expectations, require_quality
from userprofile.tables.store import TableVersion

MADE_BY = {"silver.events": "refine_events", "gold.user_features": "build_features"}


def check_tables(run: Run) -> Step:
    """Events and features; profiles are checked before they are written, by infer_profiles.

    Raises UsageError for an expectation of what is not there, DataGateError for the first table that is otherwise.
    """
    require_expectations(run)
    tables = {name: run.pinned(name, made_by=job) for name, job in MADE_BY.items()}
    as_of = scoring_date(run, log_range(run, tables["silver.events"])).date
    work = partial(_check, run, tables, as_of)
    return run.step("check_tables", work, inputs=list(tables.values()), sections=["source", SECTION], as_of=as_of)


def _check(run: Run, tables: dict[str, TableVersion], as_of: date) -> Outcome:
    written = []
    for name, pinned in tables.items():
        now, before = run.store.read(pinned, classes(run)[name]), None
        if "as_of_date" in now.columns:
            now, before = now.where(F.col("as_of_date") == F.lit(as_of)), before_date(now, as_of)
        written.append(require_quality(run, name, now, as_of=as_of, before=before))
    outputs = [one for one in written if one]
    return Outcome(outputs[-1:], {"tables": len(outputs), "expectations": sum(one.rows for one in outputs)})
