"""Saved tables -> the card of one user."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from userprofile.errors import DataGateError, UsageError
from userprofile.pipelines.card_facts import facts_of
from userprofile.pipelines.report_moment import Moment, moment_of, report_folder
from userprofile.pipelines.report_sections import Profiled
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.card import card_page

CARDS = "cards"


def build_card(run: Run) -> Step:
    """Write report/<source>/cards/<pseudonym>.html.

    Raises UsageError where no user is named, or none of that pseudonym has a profile, and DataGateError where nobody
    has one.
    """
    if not run.pseudonym:
        raise UsageError(
            "no user is named",
            expected="a pseudonym, as user_id in gold.user_profiles",
            received="none",
            fix=f"make build_card SOURCE={run.source} PSEUDONYM=<pseudonym>; make pseudonym tells that of a raw id",
        )
    moment = moment_of(run, run.of_run)
    folder = report_folder(run, run.of_run) / CARDS
    return run.step(
        "build_card",
        partial(_write, run, moment, folder),
        inputs=list(moment.tables.values()),
        sections=["source", "build_features"],
        parameters={"pseudonym": run.pseudonym},
        as_of=moment.as_of,
        again=not (folder / f"{run.pseudonym}.html").exists(),
    )


def write_cards(run: Run, moment: Moment, profiled: Profiled, user_ids: Sequence[str], folder: Path) -> list[Path]:
    """A file a user who has a profile."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for facts in facts_of(run, moment, profiled.rows, profiled.scored_at, user_ids):
        paths.append(folder / f"{facts.profile['user_id']}.html")
        paths[-1].write_text(card_page(facts), encoding="utf-8")
    return paths


def _write(run: Run, moment: Moment, folder: Path) -> Outcome:
    profiled = Profiled.of(run, moment)
    if profiled is None:
        raise DataGateError(
            "there are no profiles to make a card of",
            expected=f"profiles as of {moment.as_of}",
            received="none",
            fix=f"make infer_profiles SOURCE={run.source}",
        )
    if not (paths := write_cards(run, moment, profiled, [run.pseudonym], folder)):
        raise UsageError(
            f"no user {run.pseudonym} has a profile as of {moment.as_of}",
            expected="a user_id of gold.user_profiles, in full",
            received=run.pseudonym,
            fix="make pseudonym tells the pseudonym of a raw id",
        )
    return Outcome([], {"page": str(paths[0].resolve())})
