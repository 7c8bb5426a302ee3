"""ops.jobs, ops.runs and ops.serving -> what runs, what ran and how it ended, what serves, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from userprofile.pipelines.journal import DONE, KILLED, jobs, way_on
from userprofile.pipelines.ledger import runs
from userprofile.pipelines.serving_models import decisions
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.tables.locks import present_holder

JOBS_SHOWN = 10
WHEN = "%Y-%m-%d %H:%M"


def show_status(run: Run) -> None:
    """Print it; nothing is written and no other job disturbed."""
    ran, (holder, runs_now) = jobs(run.store).tail(JOBS_SHOWN).to_dicts(), present_holder(run.store.root)
    if holder is not None and runs_now:
        run.say(f"running: {holder.job}, run {holder.run_id} since {holder.started_at[:16]}, process {holder.process}")
    elif holder is not None:
        run.say(f"killed: {holder.job}, run {holder.run_id}; make rerun RUN={holder.run_id} goes on")
    for line in (*_of_jobs(ran), *_of_steps(run), *_of_models(run)):
        run.say(line)
    latest = ran[-1] if ran else None
    if latest and latest["status"] != DONE and not holder:
        run.say(f"how to go on: {way_on(latest)}")
    told = {"jobs": [_plain(row) for row in ran], "running": holder.run_id if holder and runs_now else None}
    run.steps.append(Step("show_status", Outcome([], {"told": told}), 0.0, was_done=False))


def _of_jobs(ran: list[dict[str, Any]]) -> Iterator[str]:
    if not ran:
        yield "no job has ended here yet"
    for row in ran:
        ended = "killed" if row["status"] == KILLED else f"exit code {row['exit_code']}"
        took = "" if row["seconds"] is None else f" in {row['seconds']:.1f} s"
        why = f": {row['error']}" if row["error"] else ""
        yield f"job {row['run_id']} {row['started_at']:{WHEN}} {row['job']}: {ended}{took}{why}"


def _of_steps(run: Run) -> Iterator[str]:
    """The last of each step, in the order in which they were done."""
    for row in runs(run.store).unique("step", keep="last", maintain_order=True).to_dicts():
        tables = ", ".join(f"{one['table']} version {one['version']}" for one in row["outputs"])
        of_date = f" as of {row['as_of_date']}" if row["as_of_date"] else ""
        took = f"{row['started_at']:{WHEN}} in {row['seconds']:.1f} s"
        yield f"step {row['step']}{of_date} {took}: {tables or 'no table'}"


def _of_models(run: Run) -> Iterator[str]:
    for row in decisions(run).tail(1).to_dicts():
        yield f"model {row['serving']} serves dates from {row['valid_from']} on: {row['decision']}, {row['because']}"


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("run_id", "job", "status", "exit_code", "seconds", "error")}
