"""The dates of a temporal leaderboard: one that tests, and those whose labels may be learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from userprofile.config.leaderboard import TemporalBoard
from userprofile.errors import DataGateError
from userprofile.pipelines.dates import log_range, within_log
from userprofile.pipelines.steps import Run
from userprofile.windows import DAY, AsOf, LabelWindow


@dataclass(frozen=True)
class Dates:
    """The date that tests, and those whose label windows end by it, latest first."""

    cut: AsOf
    earlier: tuple[AsOf, ...]
    window: LabelWindow


def outcome_dates(run: Run, board: TemporalBoard) -> Dates:
    """The board's cut, else the latest whose window the log holds; raises DataGateError where the log is too short.

    Earlier dates lie `every` apart and have a day of history at least; none where other users are learnt from.
    """
    log = log_range(run, run.pinned("silver.events", made_by="refine_events"))
    timezone = run.config.source.timezone
    window = LabelWindow(board.gap, board.horizon or run.config.source.horizon)
    end = AsOf.last_before(log.last + DAY, timezone)
    cut = within_log(run, log, board.cut or AsOf.last_before(end.instant - window.length, timezone).date)
    if not window.is_mature(cut, end.instant):
        raise DataGateError(
            f"what happens after {cut.date} is not known to the end of the window",
            expected=f"events until {window.end(cut):%Y-%m-%d %H:%M} UTC",
            received=f"a log that ends on {log.last:%Y-%m-%d %H:%M} UTC",
            fix="an earlier cut or a shorter horizon",
        )
    earlier = _earlier(cut, window, board.every, timezone) if board.learn_from == "earlier_dates" else iter(())
    dates = Dates(cut, tuple(_since(earlier, log.first + DAY)), window)
    if board.learn_from == "earlier_dates" and not dates.earlier:
        raise DataGateError(
            f"no earlier date can be learnt from: no window of {window.length} ends by {cut.date}",
            expected="a log that begins earlier",
            received=f"one that begins on {log.first:%Y-%m-%d %H:%M} UTC",
            fix="a shorter horizon, a later cut, or learn_from: other_users",
        )
    return dates


def _earlier(cut: AsOf, window: LabelWindow, every: timedelta, timezone: str) -> Iterator[AsOf]:
    as_of = AsOf.last_before(cut.instant - window.length, timezone)
    while True:
        yield as_of
        as_of = AsOf.last_before(as_of.instant - every, timezone)


def _since(as_ofs: Iterator[AsOf], first: datetime) -> Iterator[AsOf]:
    for as_of in as_ofs:
        if as_of.instant < first:
            return
        yield as_of
