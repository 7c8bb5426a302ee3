"""Saved tables -> the page that a person opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from pyspark import inheritable_thread_target

from userprofile.pipelines import report_sections as part
from userprofile.pipelines.build_card import CARDS, write_cards
from userprofile.pipelines.report_head import head_of
from userprofile.pipelines.report_moment import Moment, moment_of, origins, report_folder, steps_reached
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.lineage import steps_section, tables_section
from userprofile.report.report import examples_section, report_page
from userprofile.report.section import Section

PAGE = "index.html"


def build_report(run: Run) -> Step:
    """Write report/<source>/index.html, or the page of an earlier run below runs/, from the tables alone, and the cards
    of a few users beside it.

    A table that is not there yet leaves its section out, with the reason.
    """
    moment = moment_of(run, run.of_run)
    path = report_folder(run, run.of_run) / PAGE
    parameters = {"of_run": run.of_run, "failed_at": moment.failure and moment.failure["failed_at"]}
    parameters["tag_catalogue"] = part.tag_catalogue(run)
    return run.step(
        "build_report",
        partial(_write, run, moment, path),
        inputs=list(moment.tables.values()),
        sections=["source", "build_report", "tags"],
        parameters=parameters,
        as_of=moment.as_of,
        again=not path.exists(),
    )


def _write(run: Run, moment: Moment, path: Path) -> Outcome:
    # While Spark plans the queries of one section it has those of another to run, or of the cards.
    with ThreadPoolExecutor(max_workers=2) as pool:
        described = inheritable_thread_target(run.spark)

        def begun(section: Callable[..., Section], *of: Any) -> Future[Section]:
            return pool.submit(described(partial(section, *of)))

        came_in = begun(part.intake_section, run, moment)
        profiled = part.Profiled.of(run, moment)
        examples = part.examples(run, profiled) if profiled else []
        # The two that take longest go first.
        who, changed = (begun(one, run, moment, profiled) for one in (part.people_section, part.changes_section))
        others = [
            begun(part.behaviour_section, run, moment, profiled),
            begun(part.likes_section, profiled),
            begun(part.tags_section, run, moment, profiled),
            begun(examples_section, examples),
            begun(part.scores_section, run, moment, profiled),
        ]
        if profiled:
            write_cards(run, moment, profiled, [one["user_id"] for one in examples], path.parent / CARDS)
        shown = [section.result() for section in (came_in, who, *others, changed)]
    sections = _in_order(moment, shown, tables_section(origins(run, moment)), is_whole=profiled is not None)
    html = report_page(head_of(run, moment, profiled.head if profiled else {}), sections)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    left_out = [section.name for section in sections if section.missing]
    return Outcome([], {"page": str(path.resolve()), "sections": len(sections) - len(left_out), "cards": len(examples)})


def _in_order(moment: Moment, shown: Sequence[Section], last: Section, *, is_whole: bool) -> list[Section]:
    """What did not come through is told first."""
    steps = steps_section(steps_reached(moment), moment.failure)
    return [*shown, steps, last] if is_whole and not moment.failure else [steps, *shown, last]
