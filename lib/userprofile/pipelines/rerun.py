"""A job again, with the words that an earlier run of it was started with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import polars as pl

from userprofile.errors import UsageError
from userprofile.pipelines.journal import jobs
from userprofile.pipelines.ledger import runs
from userprofile.pipelines.steps import Run
from userprofile.tables.locks import present_holder


def rerun(run: Run, job_folder: Path) -> None:
    """Become the job of `--run`; never comes back. Raises UsageError where ops.jobs does not know that run.

    Where the run looked back from one date without naming it, that date is named: the log may have grown since.
    """
    job, arguments = _started(run)
    dates = runs(run.store).filter(pl.col("run_id") == run.of_run)["as_of_date"].drop_nulls().unique().to_list()
    if len(dates) == 1 and not {"--as-of", "--from"} & {word.split("=")[0] for word in arguments}:
        arguments = [*arguments, "--as-of", str(dates[0])]
    run.say(f"{job} {' '.join(arguments)}")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(job_folder / f"{job}.py"), *arguments])


def _started(run: Run) -> tuple[str, list[str]]:
    known: list[dict[str, Any]] = jobs(run.store).to_dicts()
    holder, _ = present_holder(run.store.root)
    if holder is not None:
        known.append({"run_id": holder.run_id, "job": holder.job, "arguments": list(holder.arguments)})
    for row in known:
        if row["run_id"] == run.of_run:
            return row["job"], row["arguments"]
    raise UsageError(
        "ops.jobs knows no such run",
        expected="the run id of a job that ended, as make show_status lists them",
        received=run.of_run or "none",
        fix=f"make show_status SOURCE={run.source}",
    )
