"""ops.jobs: which jobs were started with which words, and how each ended; also of those that nobody saw end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from userprofile.errors import ExitCode
from userprofile.schemas.ops import OpsJobs
from userprofile.tables.locks import Holder
from userprofile.tables.store import Store, Transaction

JOBS = "ops.jobs"
DONE, KILLED = "done", "killed"


def jobs(store: Store) -> pl.DataFrame:
    """All rows, in the order in which jobs began; none where nothing has been done yet."""
    if not store.exists(JOBS):
        return OpsJobs.create_empty()
    return store.small(store.pin(JOBS), OpsJobs).sort("started_at", maintain_order=True)


def record_end(store: Store, holder: Holder, result: dict[str, Any]) -> None:
    """How a job ended."""
    _add(store, holder, **{name: result.get(name) for name in ("status", "exit_code", "error", "seconds")})


def record_killed(store: Store, holder: Holder | None) -> None:
    """Of a job that held the warehouse and ended without a word."""
    if holder is not None:
        error = "ended without a word, as a killed process does"
        _add(store, holder, status=KILLED, exit_code=None, error=error, seconds=None)


def _add(store: Store, holder: Holder, **ended: Any) -> None:
    row = {
        "run_id": holder.run_id,
        "job": holder.job,
        "arguments": list(holder.arguments),
        "correlation_id": holder.correlation_id,
        "started_at": datetime.fromisoformat(holder.started_at),
        **ended,
    }
    store.append_small([row], JOBS, OpsJobs, Transaction(f"job/{holder.run_id}", 1))


def way_on(row: dict[str, Any]) -> str:
    """What to do after a job that is not done, by its exit code (README, Exit codes)."""
    again = f"make rerun RUN={row['run_id']}"
    return {
        None: f"{again} goes on: finished steps are kept",
        ExitCode.DEFECT: f"{again} VERBOSE=1, and report what it shows",
        ExitCode.USAGE: "mend the command line, the configuration or the mapping",
        ExitCode.DATA_GATE: f"mend the data, or the limit; then {again}",
        ExitCode.ENVIRONMENT: f"make doctor; then {again}",
        ExitCode.CONFLICT: again,
        ExitCode.INTERRUPTED: f"{again} goes on: finished steps are kept",
    }[row["exit_code"]]
