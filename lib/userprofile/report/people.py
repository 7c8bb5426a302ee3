"""Who the users are: segments, what they do from month to month, and how long they stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from userprofile.columns import ACTIONS
from userprofile.report.month_plots import month_lines, stacked_months
from userprofile.report.plots import bars
from userprofile.report.score_plots import Spread, spread_plot
from userprofile.report.section import Section
from userprofile.report.words import words

NAME, TITLE = "people", "Who the users are"
MONTHS, COHORTS = 24, 13  # shown at most, the latest


@dataclass(frozen=True)
class Cohort:
    """Users by the month of their first purchase, and which share of them bought in month 0, 1, 2 ... after it."""

    month: str
    users: int
    shares: list[float]


def people_section(
    segments: Mapping[str | None, int], months: pl.DataFrame, retention: pl.DataFrame, seen: Sequence[Spread]
) -> Section:
    """`months` are rows (month, users, buyers, and a count of each action), `retention` (cohort, month, users);
    months are text that sorts: 2017-11. `seen` is how long ago users were seen last.
    """
    named = {words(name) if name else "never bought": users for name, users in _largest_first(segments)}
    plots = [bars("segments", "Users by RFM segment", named, unit="Users", says=_of_segments(segments))]
    shown = months.sort("month").tail(MONTHS)
    if shown.height > 1:
        names = shown["month"].to_list()
        acts = {words(act): shown[act].to_list() for act in ACTIONS if act in shown.columns and shown[act].sum()}
        plots.append(stacked_months("events", "Events a month", names, acts))
        users = {"did anything": shown["users"].to_list(), "bought": shown["buyers"].to_list()}
        lines = {"bought": users["bought"]} if users["bought"] == users["did anything"] else users
        plots.append(month_lines("active", "Active users a month", names, lines))
    plots += [spread_plot(spread) for spread in seen]
    return Section(NAME, TITLE, {"plots": plots, "cohorts": cohorts(retention)})


def cohorts(retention: pl.DataFrame) -> list[Cohort]:
    """The latest, oldest first; a month in which nobody of a cohort bought has a share of 0."""
    months = sorted(set(retention["cohort"]) | set(retention["month"]))
    every = every_month(months[0], months[-1]) if months else []
    bought = {
        (cohort, month): users for cohort, month, users in retention.select("cohort", "month", "users").iter_rows()
    }
    return [
        Cohort(
            first, bought[first, first], [bought.get((first, month), 0) / bought[first, first] for month in every[at:]]
        )
        for at, first in enumerate(every)
        if (first, first) in bought
    ][-COHORTS:]


def every_month(first: str, last: str) -> list[str]:
    """Every month from first to last.

    >>> every_month("2017-11", "2018-01")
    ['2017-11', '2017-12', '2018-01']
    """
    begin, end = (12 * int(month[:4]) + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(begin, end + 1)]


def _largest_first(segments: Mapping[str | None, int]) -> Sequence[tuple[str | None, int]]:
    return sorted(segments.items(), key=lambda one: (-one[1], one[0] or ""))


def _of_segments(segments: Mapping[str | None, int]) -> str:
    """What a reader should see first."""
    users = sum(segments.values())
    best = sum(segments.get(name, 0) for name in ("champions", "loyal"))
    risk = sum(segments.get(name, 0) for name in ("at_risk", "cannot_lose"))
    if not users or not best + risk:
        return ""
    return f"{best / users:.0%} are champions or loyal; {risk / users:.0%} are valuable and have not come for long."
