"""What a page speaks of: the tables as they stood after a run, and the rows of ops.runs that made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from userprofile.errors import DataGateError, UsageError
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.ledger import failures, runs
from userprofile.pipelines.steps import Run
from userprofile.report.lineage import Origin, Reached
from userprofile.tables.commits import commit_of
from userprofile.tables.store import TableVersion

PATH = (
    "ingest_events",
    "refine_events",
    "build_features",
    "build_training_set",
    "train_model",
    "infer_profiles",
    "segment_users",
)
_SHOWN_RUNS = 5


@dataclass(frozen=True)
class Moment:
    """After the run `run_id`, or now. `rows` are those of ops.runs until then, oldest first, metrics parsed."""

    run_id: str
    as_of: date | None
    tables: Mapping[str, TableVersion]
    rows: Sequence[Mapping[str, Any]]
    failure: Mapping[str, Any] | None

    def latest(self, *steps: str) -> Mapping[str, Any] | None:
        """The last row of any of these steps that speaks of the as-of date, or of none."""
        dates = (None, self.as_of)
        return next((row for row in reversed(self.rows) if row["step"] in steps and row["as_of_date"] in dates), None)


def moment_of(run: Run, run_id: str = "") -> Moment:
    """The tables as `run_id` left them, or as they are now. Raises DataGateError where nothing has been done yet, and
    UsageError for a run that is not in ops.runs."""
    frame = runs(run.store)
    if frame.filter(pl.col("step").is_in(PATH)).is_empty():
        raise DataGateError(
            "nothing has been done yet that a page could show",
            expected=f"tables below {run.store.root}",
            received="none",
            fix=f"make run SOURCE={run.source}",
        )
    until = _until(frame, run_id) if run_id else None
    rows = [
        {**row, "metrics": json.loads(row["metrics"])}
        for row in frame.to_dicts()
        if until is None or row["started_at"] <= until
    ]
    outputs = {one["table"]: TableVersion(**one) for row in rows for one in row["outputs"]}
    tables = {table: pinned for table, pinned in outputs.items() if run.store.exists(table)}
    as_of = _as_of_run(rows, run_id) if run_id else _as_of_now(run, tables)
    return Moment(run_id, as_of, tables, rows, _failure(run, rows, run_id))


def report_folder(run: Run, of_run: str = "") -> Path:
    """Of the present page, or of that of an earlier run."""
    folder = Path(run.config.report, Path(run.store.root).name)
    return folder / "runs" / of_run if of_run else folder


def steps_reached(moment: Moment) -> list[Reached]:
    """Of every step of the path, how it stands."""
    return [_reached(moment, step) for step in PATH]


def origins(run: Run, moment: Moment) -> list[Origin]:
    """Of every table, who wrote the version that the page speaks of, when, and from what."""
    made = {one["table"]: row for row in moment.rows for one in row["outputs"]}
    found = []
    for table, pinned in moment.tables.items():
        commit, row = commit_of(run.store, pinned), made[table]
        inputs = [f"{one['table']} v{one['version']}" for one in row["inputs"]]
        origin = Origin(table, pinned.version, commit.rows, commit.written_at, row["run_id"], row["step"], inputs)
        found.append(origin)
    return sorted(found, key=lambda origin: (origin.written_at, origin.table))


def _until(frame: pl.DataFrame, run_id: str) -> datetime:
    began = frame.filter(pl.col("run_id") == run_id)["started_at"].to_list()
    if not began:
        known = frame["run_id"].unique(maintain_order=True).to_list()[-_SHOWN_RUNS:]
        raise UsageError(
            f"no run {run_id} is in ops.runs",
            expected=f"a run of this warehouse; the latest: {', '.join(known)}",
            received=run_id,
            fix=f"RUN={known[-1]}",
        )
    return max(began)


def _failure(run: Run, rows: Sequence[Mapping[str, Any]], run_id: str) -> dict[str, Any] | None:
    """What ended the run; or now, what ended the last one that did not come through, until a step is done again."""
    # Whoever asks for a card of nobody stops no run.
    known = failures(run.store).filter(pl.col("step").is_in(PATH))
    if run_id:
        known = known.filter(pl.col("run_id") == run_id)
    last: dict[str, Any] | None = next(iter(known.tail(1).to_dicts()), None)
    if last is None or run_id:
        return last
    mended = any(row["step"] in PATH and row["started_at"] > last["failed_at"] for row in rows)
    return None if mended or run.done(last["step"]) else last


def _as_of_run(rows: Sequence[Mapping[str, Any]], run_id: str) -> date | None:
    """That of the run's own steps, else the last one before: a run may have found its dated steps done."""
    own = [row["as_of_date"] for row in rows if row["run_id"] == run_id and row["as_of_date"]]
    earlier = [row["as_of_date"] for row in rows if row["as_of_date"]]
    return (own or earlier or [None])[-1]


def _as_of_now(run: Run, tables: Mapping[str, TableVersion]) -> date | None:
    events = tables.get("silver.events")
    return scoring_date(run, log_range(run, events)).date if events else None


def _reached(moment: Moment, step: str) -> Reached:
    row, failure = moment.latest(step), moment.failure
    at, seconds = (row["started_at"], row["seconds"]) if row else (None, None)
    if failure and failure["step"] == step:
        return Reached(step, "failed", failure["error"], None, failure["failed_at"])
    if row is None:
        return Reached(step, "not reached", "", None, None)
    if "skipped" in row["metrics"]:
        return Reached(step, "skipped", row["metrics"]["skipped"], seconds, at)
    newer = [one["table"] for one in row["inputs"] if _is_newer(moment, one["table"], row["started_at"])]
    state = "outdated" if newer else "done"
    return Reached(
        step, state, f"made before {', '.join(newer)}; " * bool(newer) + in_words(row["metrics"]), seconds, at
    )


def _is_newer(moment: Moment, table: str, at: datetime) -> bool:
    """Whether its rows of the as-of date were written after that; those of other dates do not count."""
    return any(
        row["started_at"] > at and row["as_of_date"] in (None, moment.as_of)
        for row in moment.rows
        for one in row["outputs"]
        if one["table"] == table
    )


def in_words(metrics: Mapping[str, Any]) -> str:
    """The figures of a step that are one number or a short text."""
    shown = {name: value for name, value in metrics.items() if isinstance(value, int | float) and value is not True}
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in shown.items())
