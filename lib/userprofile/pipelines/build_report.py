"""Saved tables -> the page that a person opens."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from userprofile.pipelines import report_sections as part
from userprofile.pipelines.report_head import head_of
from userprofile.pipelines.report_moment import Moment, moment_of, origins, steps_reached
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.lineage import steps_section, tables_section
from userprofile.report.report import report_page
from userprofile.report.section import Section

PAGE = "index.html"


def build_report(run: Run) -> Step:
    """Write report/<source>/index.html, or the page of an earlier run below runs/, from the tables alone.

    A table that is not there yet leaves its section out, with the reason.
    """
    moment = moment_of(run, run.of_run)
    path = report_folder(run, run.of_run) / PAGE
    parameters = {"of_run": run.of_run, "failed_at": moment.failure and moment.failure["failed_at"]}
    return run.step(
        "build_report",
        partial(_write, run, moment, path),
        inputs=list(moment.tables.values()),
        sections=["source", "build_report", "evaluate_model"],
        parameters=parameters,
        as_of=moment.as_of,
        again=not path.exists(),
    )


def report_folder(run: Run, of_run: str = "") -> Path:
    """Of the present page, or of that of an earlier run."""
    folder = Path(run.config.report, Path(run.store.root).name)
    return folder / "runs" / of_run if of_run else folder


def _write(run: Run, moment: Moment, path: Path) -> Outcome:
    profiled = part.Profiled.of(run, moment)
    sections = _sections(run, moment, profiled)
    html = report_page(head_of(run, moment, profiled.head if profiled else {}), sections)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    left_out = [section.name for section in sections if section.missing]
    return Outcome([], {"page": str(path.resolve()), "sections": len(sections) - len(left_out)})


def _sections(run: Run, moment: Moment, profiled: part.Profiled | None) -> list[Section]:
    """What did not come through is told first."""
    steps = steps_section(steps_reached(moment), moment.failure)
    shown = [
        part.intake_section(run, moment),
        part.people_section(run, moment, profiled),
        part.likes_section(profiled),
        part.tags_section(profiled),
        part.examples_section(run, profiled),
        part.scores_section(run, moment, profiled),
        part.changes_section(run, moment, profiled),
    ]
    last = tables_section(origins(run, moment))
    return [steps, *shown, last] if moment.failure or profiled is None else [*shown, steps, last]
