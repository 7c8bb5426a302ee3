"""Each section of the page, from the tables of a moment; without its tables, why it is not there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines import report_events, report_profiles
from userprofile.pipelines.build_tag_catalogue import PAGE as TAG_PAGE
from userprofile.pipelines.check_profiles import KINDS
from userprofile.pipelines.infer_profiles import PROFILES, wording_of
from userprofile.pipelines.profile_changes import profiles_as_of
from userprofile.pipelines.report_changes import compared, profiles_before
from userprofile.pipelines.report_moment import Moment, report_folder
from userprofile.pipelines.report_quality import in_units, judged_scores, model_of
from userprofile.pipelines.segment_users import SEGMENTS
from userprofile.pipelines.steps import Run
from userprofile.pipelines.table_checks import CHECKS
from userprofile.report import behaviour, changes, intake, people, quality, tastes
from userprofile.report.section import Section
from userprofile.report.words import days, figure, money
from userprofile.schemas.gold import Segments
from userprofile.schemas.ops import OpsChecks
from userprofile.windows import AsOf

_NO_PROFILES = "infer_profiles has not been reached"


@dataclass(frozen=True)
class Profiled:
    """The profiles of a moment, one a user, and what the head tells of them."""

    rows: DataFrame
    head: dict[str, Any]

    @property
    def scored_at(self) -> datetime:
        """Spark tells times without a zone, in the machine's own."""
        return self.head["scored_at"].astimezone(UTC)

    @classmethod
    def of(cls, run: Run, moment: Moment) -> Profiled | None:
        """None where the date has no profiles."""
        if moment.as_of is None or not moment.latest("infer_profiles") or PROFILES not in moment.tables:
            return None
        rows = profiles_as_of(run, moment.tables[PROFILES], moment.as_of)
        return cls(rows, report_profiles.headline(rows))


def intake_section(run: Run, moment: Moment) -> Section:
    """What came in."""
    if "silver.events" not in moment.tables:
        return Section.without(intake.NAME, intake.TITLE, "refine_events has not been reached")
    counts, reasons = report_events.balance(run, moment)
    return intake.intake_section(counts, reasons, report_events.files(run, moment))


def people_section(run: Run, moment: Moment, profiled: Profiled | None) -> Section:
    """Who the users are."""
    if moment.as_of is None:
        return Section.without(people.NAME, people.TITLE, "refine_events has not been reached")
    as_of = AsOf.at(moment.as_of, run.config.source.timezone)
    events = report_events.events_before(run, moment, as_of)
    user_month = report_events.users_by_month(events).persist()
    try:
        months = report_events.months_of(events, report_events.users_of(user_month))
        retention = report_events.retention_of(user_month)
    finally:
        user_month.unpersist()
    segments = report_profiles.segments(profiled.rows) if profiled else {}
    seen = report_profiles.spreads(profiled.rows, report_profiles.SEEN, minor_units=0) if profiled else []
    return people.people_section(segments, months, retention, seen)


def behaviour_section(run: Run, moment: Moment, profiled: Profiled | None) -> Section:
    """Who behaves alike."""
    if profiled is None or SEGMENTS not in moment.tables:
        return Section.without(behaviour.NAME, behaviour.TITLE, "segment_users has found no segments")
    of_model = (F.col("as_of_date") == F.lit(moment.as_of)) & (F.col("model_version") == profiled.head["model_version"])
    segments = run.store.read(moment.tables[SEGMENTS], Segments).where(of_model).orderBy("segment").collect()
    if not segments:
        return Section.without(behaviour.NAME, behaviour.TITLE, "segment_users has found no segments of these profiles")
    rows = [row.asDict(recursive=True) for row in segments]
    return behaviour.behaviour_section(rows, wording_of(run).of_number)


def likes_section(profiled: Profiled | None) -> Section:
    """What they like."""
    if profiled is None:
        return Section.without(tastes.LIKES, tastes.LIKES_TITLE, _NO_PROFILES)
    users = profiled.head["users"]
    return tastes.likes_section(report_profiles.liked(profiled.rows, users))


def tag_catalogue(run: Run) -> str:
    """Where the page of all tags lies, from this page's folder; empty where it has not been made."""
    path = report_folder(run) / TAG_PAGE
    return os.path.relpath(path, report_folder(run, run.of_run)) if path.is_file() else ""


def tags_section(run: Run, moment: Moment, profiled: Profiled | None) -> Section:
    """What is said of them, and what of it came true when it was last checked."""
    if profiled is None:
        return Section.without(tastes.TAGS, tastes.TAGS_TITLE, _NO_PROFILES)
    counts, users = report_profiles.tag_counts(profiled.rows), profiled.head["users"]
    checks = run.store.small(moment.tables[CHECKS], OpsChecks) if CHECKS in moment.tables else OpsChecks.create_empty()
    checks = checks.filter(pl.col("check").is_in(KINDS))
    if checks.is_empty():
        return tastes.tags_section(counts, users, catalogue=tag_catalogue(run))
    last = checks.filter(pl.col("checked_at") == pl.col("checked_at").max())
    tags = run.config.tags.file.on(last["as_of_date"][0])
    return tastes.tags_section(counts, users, came_true=tastes.CameTrue.of(last, tags), catalogue=tag_catalogue(run))


def examples(run: Run, profiled: Profiled) -> Sequence[dict[str, Any]]:
    """Users to show."""
    return report_profiles.examples(profiled.rows, run.config.build_report.example_profiles)


def scores_section(run: Run, moment: Moment, profiled: Profiled | None) -> Section:
    """How good the scores are."""
    model = model_of(run, moment, profiled.head["model_version"]) if profiled else None
    if profiled is None or model is None:
        why = profiled.head["scores_missing_because"] if profiled else _NO_PROFILES
        return Section.without(quality.NAME, quality.TITLE, why or "no model scored them")
    unit, minor_units = profiled.head["currency"] or "", run.config.source.minor_units
    judged = [in_units(one, unit, minor_units) for one in judged_scores(model)]
    how = {
        "rows": "the latest window whose outcome is known",
        "serves": model["metrics"]["served_by"],
        "missing_because": profiled.head["scores_missing_because"],
    }
    spreads = report_profiles.spreads(profiled.rows, report_profiles.SCORED, minor_units=minor_units)
    return quality.quality_section(judged, spreads, horizon=_days(run.config.source.horizon), how=how)


def changes_section(run: Run, moment: Moment, profiled: Profiled | None) -> Section:
    """What changed."""
    if profiled is None or moment.as_of is None:
        return changes.changes_section(None, why_none=_NO_PROFILES)
    before = profiles_before(run, moment, moment.as_of)
    if before is None:
        return changes.changes_section(None, why_none="there are no profiles before these to hold them against")
    says, earlier = before
    told = partial(_told, minor_units=run.config.source.minor_units, currency=profiled.head["currency"])
    return changes.changes_section(compared(profiled.rows, earlier, says=says, told=told))


def _told(column: str, value: float | None, *, minor_units: int, currency: str | None) -> str:
    if column == "expected_spend":
        return f"{money(None if value is None else round(value), minor_units)} {currency or ''}".strip()
    if column.endswith("_probability"):
        return "not known" if value is None else f"{100 * value:.1f} %"
    return figure(value)


def _days(horizon: timedelta) -> str:
    return days(horizon / timedelta(days=1))
