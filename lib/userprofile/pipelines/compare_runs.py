"""Saved tables as two runs left them -> what differs, as a page and as text."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from userprofile.errors import UsageError
from userprofile.pipelines.comparison_tables import model_table, scores_table, steps_table, tables_table, tags_table
from userprofile.pipelines.report_changes import side_by_side
from userprofile.pipelines.report_moment import Moment, moment_of, report_folder
from userprofile.pipelines.report_sections import Profiled
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.comparison import Compared, comparison_page, comparison_text


def compare_runs(run: Run) -> Step:
    """Write report/<source>/runs/<A>_<B>.html and .md. Raises UsageError where two runs are not named, or not known."""
    if not all(run.compared):
        raise UsageError(
            "two runs are to be compared",
            expected="the ids of both, as the JSON line of a job or ops.runs has them",
            received=" and ".join(filter(None, run.compared)) or "none",
            fix=f"make compare_runs SOURCE={run.source} A=<run_id> B=<run_id>",
        )
    first, second = (moment_of(run, run_id) for run_id in run.compared)
    path = report_folder(run) / "runs" / f"{first.run_id}_{second.run_id}.html"
    return run.step(
        "compare_runs",
        partial(_write, run, first, second, path),
        inputs=[*first.tables.values(), *second.tables.values()],
        sections=["source"],
        parameters={"runs": run.compared},
        as_of=second.as_of,
        again=not path.exists(),
    )


def _write(run: Run, first: Moment, second: Moment, path: Path) -> Outcome:
    tables = _compared(run, first, second)
    names = {"source": run.config.source.name, "first": first.run_id, "second": second.run_id}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(comparison_page(tables, **names), encoding="utf-8")
    path.with_suffix(".md").write_text(comparison_text(tables, **names), encoding="utf-8")
    differences = {table.name: len(table.rows) for table in tables}
    return Outcome([], {"page": str(path.resolve()), **differences})


def _compared(run: Run, first: Moment, second: Moment) -> list[Compared]:
    tables = [steps_table(first, second), tables_table(run, first, second)]
    profiled = [Profiled.of(run, moment) for moment in (first, second)]
    then, now = profiled
    if then is None or now is None:
        return tables
    tables.append(model_table(run, (first, then), (second, now)))
    both = side_by_side(now.rows, then.rows).where("is_there and was_there").persist()
    try:
        return [*tables, scores_table(both, run.config.source.minor_units), tags_table(both)]
    finally:
        both.unpersist()
