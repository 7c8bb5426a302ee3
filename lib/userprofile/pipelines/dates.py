"""The as-of date of a run, and the range of the log that it must lie in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from userprofile.errors import DataGateError
from userprofile.pipelines.steps import Run
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf, LabelWindow


@dataclass(frozen=True)
class LogRange:
    """The first and last event accepted, to the millisecond and rounded down."""

    first: datetime
    last: datetime


def log_range(run: Run, events: TableVersion) -> LogRange:
    """Raises DataGateError for an empty log."""
    first, last = run.store.bounds(events, "event_time")
    if first is None:
        raise DataGateError("silver.events is empty", fix=f"make ingest_events SOURCE={run.source}")
    return LogRange(first, last)


def scoring_date(run: Run, log: LogRange) -> AsOf:
    """--as-of, else the mapping's, else the day after the last event; in the source's time zone.

    Raises DataGateError for a date from which nothing, or more than all of the log, would be seen.
    """
    return within_log(run, log, run.as_of or run.config.source.as_of or _day_after(run, log))


def scoring_dates(run: Run, log: LogRange) -> list[AsOf]:
    """The same where --as-of names several."""
    return [within_log(run, log, day) for day in run.as_ofs] if run.as_ofs else [scoring_date(run, log)]


def within_log(run: Run, log: LogRange, day: date) -> AsOf:
    """The start of the day. Raises DataGateError where nothing, or more than all of the log, would be seen from it."""
    timezone = run.config.source.timezone
    as_of, day_after = AsOf.at(day, timezone), _day_after(run, log)
    if not log.first < as_of.instant or as_of.date > day_after:
        first = log.first.astimezone(ZoneInfo(timezone)).date()
        raise DataGateError(
            f"as-of date {as_of.date} lies outside the log",
            expected=f"a date from {first + timedelta(days=1)} to {day_after}",
            received=str(as_of.date),
            fix=f"AS_OF={day_after}",
        )
    return as_of


def latest_with_outcomes(run: Run, log: LogRange) -> AsOf:
    """The latest date whose label window the log holds whole."""
    timezone = run.config.source.timezone
    end = AsOf.at(_day_after(run, log), timezone).instant
    return AsOf.last_before(end - label_window(run).length, timezone)


def _day_after(run: Run, log: LogRange) -> date:
    return log.last.astimezone(ZoneInfo(run.config.source.timezone)).date() + timedelta(days=1)


def label_window(run: Run) -> LabelWindow:
    """The window that labels are taken from, as the source declares it."""
    return LabelWindow(run.config.source.gap, run.config.source.horizon)
