"""ops.runs: what each step read and wrote, by which code and configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from userprofile.schemas.ops import OpsFailures, OpsRuns
from userprofile.tables.commits import rows_version
from userprofile.tables.store import Store, TableVersion, Transaction
from userprofile.versions import code_version

RUNS = "ops.runs"
FAILURES = "ops.failures"


def runs(store: Store) -> pl.DataFrame:
    """All rows, in the order in which runs began; none where nothing has been done yet."""
    if not store.exists(RUNS):
        return OpsRuns.create_empty()
    return store.small(store.pin(RUNS), OpsRuns).sort("started_at", maintain_order=True)


def begun_at(store: Store) -> datetime:
    """Now; or just after the last run or failure, where this machine's clock is behind that of the one that told it.

    What is latest is told by this time: a clock that was put back must not make what was overwritten count again.
    """
    now, known = datetime.now(UTC), [*runs(store)["started_at"], *failures(store)["failed_at"]]
    return max([now, *(at + timedelta(microseconds=1) for at in known)])


def last_run(store: Store, *steps: str, as_of: date | None) -> dict[str, Any] | None:
    """The latest row of any of these steps (of this as-of date), metrics parsed."""
    latest = runs(store).filter(pl.col("step").is_in(steps), pl.col("as_of_date").eq_missing(as_of)).tail(1)
    for row in latest.to_dicts():
        outputs = [TableVersion(**pinned) for pinned in row["outputs"]]
        return {**row, "metrics": json.loads(row["metrics"]), "outputs": outputs}
    return None


def record_runs(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add the rows of one step of one run, which may have been done for several dates."""
    first = rows[0]
    transaction = Transaction(f"{first['run_id']}/{first['step']}/{first['as_of_date']}", 1)
    store.append_small(rows, RUNS, OpsRuns, transaction)


def record_failure(store: Store, *, run_id: str, step: str, exit_code: int, error: str) -> None:
    """Add what ended a step, once."""
    row = {"run_id": run_id, "step": step, "failed_at": datetime.now(UTC), "exit_code": exit_code, "error": error}
    store.append_small([row], FAILURES, OpsFailures, Transaction(f"{run_id}/{step}", 1))


def failures(store: Store) -> pl.DataFrame:
    """All rows, oldest first."""
    if not store.exists(FAILURES):
        return OpsFailures.create_empty()
    return store.small(store.pin(FAILURES), OpsFailures).sort("failed_at", maintain_order=True)


def fingerprint_of(
    store: Store,
    step: str,
    inputs: Sequence[TableVersion],
    parameters: dict[str, Any] | None,
    as_of: date | None,
    config: str,
) -> str:
    """Equal where a step would do the same again; maintenance of tables leaves their rows as they were."""
    key = {
        "step": step,
        "inputs": [(pinned.table, rows_version(store, pinned.table, pinned.version)) for pinned in inputs],
        "parameters": parameters or {},
        "as_of": as_of,
        "config": config,
        "code": code_version(),
    }
    return hashlib.sha256(json.dumps(key, default=str, sort_keys=True).encode()).hexdigest()
