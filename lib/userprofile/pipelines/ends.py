"""How a run ended: for its last line, for ops.jobs and for whoever watches, whatever the end was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from userprofile.errors import ExitCode, told_of
from userprofile.pipelines.journal import DONE, JOBS, record_end
from userprofile.pipelines.observed import observe
from userprofile.pipelines.steps import Run
from userprofile.tables.locks import Holder
from userprofile.tables.store import Store


@contextmanager
def told(run: Run, holder: Holder | None, result: dict[str, Any]) -> Iterator[None]:
    """How what is done inside ends comes into `result`, and is told to ops.jobs and to who watches, once a run.

    Nobody else is told of a run without a holder, which only looks.
    """
    try:
        yield
        if "status" not in result:
            ended = {"status": DONE, "exit_code": int(ExitCode.DONE), **_outcome(run)}
            if holder is not None:
                record_end(run.store, holder, ended)
                observe(run, holder.job, ended)
            result |= ended
    except BaseException as error:
        if "status" not in result:
            code, what = told_of(error)
            result |= {"status": "failed", "exit_code": int(code), "error": what, **_outcome(run)}
            if holder is not None:
                _record_failure(run, holder, result)
                observe(run, holder.job, result)
        raise


def _record_failure(run: Run, holder: Holder, result: dict[str, Any]) -> None:
    """Without Spark, which may be what ended it. A warehouse is not begun by a job that cannot be right."""
    store = Store(None, run.store.root, run_id=run.run_id)
    with suppress(Exception):  # what ended the run is what is told
        if result["exit_code"] != ExitCode.USAGE or store.exists(JOBS):
            record_end(store, holder, result)


def _outcome(run: Run) -> dict[str, Any]:
    tables = {
        pinned.table: {"version": pinned.version, "rows": pinned.rows}
        for step in run.steps
        for pinned in step.outcome.outputs
    }
    return {
        "seconds": time.monotonic() - run.began,
        "tables": tables,
        "metrics": {step.name: step.outcome.metrics for step in run.steps},
        "steps": {step.name: round(step.seconds, 1) for step in run.steps},
    }


def print_summary(run: Run) -> None:
    """The steps of a run that is done, for people."""
    print(f"\n{run.config.source.name}: {run.store.root}")
    for step in run.steps:
        shown = ", ".join(
            f"{_shown(value)} {name.replace('_', ' ')}"
            for name, value in step.outcome.metrics.items()
            if not isinstance(value, dict)
        )
        took = "done before" if step.was_done else f"{step.seconds:.1f} s"
        print(f"  {step.name:<20} {took:>12}  {shown}")


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
