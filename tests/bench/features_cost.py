"""What bench-features tells of a cluster: cost per event, and the table of docs/cost_model.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from features_log import Log
from features_runs import Taken
from measure import CHECKOUT, commit, machine

PAGE = CHECKOUT / "docs" / "cost_model.md"
BEGIN, END = "<!-- written by make bench-features -->", "<!-- end -->"
EVENTS, USERS = 10_000_000_000, 500_000_000
EVENTS_PER_PARTITION = 1_000_000

Figure = tuple[str, float, str]


@dataclass(frozen=True)
class Cost:
    """Of the job of 50 columns and the last 50 events, at 20 events a user."""

    read: float  # bytes per event
    shuffled: float  # bytes per event
    written: float  # bytes per user
    core_seconds: float  # per million events: job time times cores

    @classmethod
    def of(cls, runs: Sequence[Taken], log: Log, *, cores: int) -> Cost:
        """Medians over runs on one log."""
        return cls(
            read=median(run.read for run in runs) / log.events,
            shuffled=median(run.shuffled for run in runs) / log.events,
            written=median(run.written for run in runs) / log.users,
            core_seconds=median(run.seconds for run in runs) * cores / (log.events / 1e6),
        )

    def figures(self) -> list[Figure]:
        """As measured."""
        return [
            ("read from Parquet", self.read, "bytes/event"),
            ("shuffled, compressed", self.shuffled, "bytes/event"),
            ("written to Parquet", self.written, "bytes/user"),
            ("cores, busy or waiting", self.core_seconds, "core s/million events"),
        ]

    def of_cluster(self) -> list[Figure]:
        """Reckoned from them, as if cost grew with events and nothing else."""
        return [
            ("read", EVENTS * self.read / 1e12, "TB"),
            ("shuffled", EVENTS * self.shuffled / 1e12, "TB"),
            ("written, one as-of date", USERS * self.written / 1e12, "TB"),
            ("tasks after the shuffle", EVENTS / EVENTS_PER_PARTITION, "tasks"),
            ("cluster time", EVENTS / 1e6 * self.core_seconds / 3600, "core hours"),
            ("on 100 machines of 16 cores", EVENTS / 1e6 * self.core_seconds / 3600 / 1600, "hours"),
        ]


def keep_cost(cost: Cost, page: Path = PAGE) -> None:
    """Put the figures into the page, in the place of the last ones."""
    page.write_text(filled(page.read_text(encoding="utf-8"), cost), encoding="utf-8")


def filled(text: str, cost: Cost) -> str:
    """The page with the table between its two marks; ValueError where it has none."""
    if not (BEGIN in text and END in text.split(BEGIN)[1]):
        raise ValueError(f"no place for the table: expected the lines {BEGIN} and {END}")
    lines = [
        BEGIN,
        f"`make bench-features`, {date.today()}, commit {commit()}; {machine()}.",
        "",
        "| figure | value | unit | |",
        "|---|---:|---|---|",
        *(_row(figure, "measured") for figure in cost.figures()),
        *(_row(figure, f"{EVENTS:,} events, {USERS:,} users") for figure in cost.of_cluster()),
        END,
    ]
    return re.sub(f"{BEGIN}.*?{END}", lambda _: "\n".join(lines), text, flags=re.DOTALL)


def _row(figure: Figure, kind: str) -> str:
    name, value, unit = figure
    return (
        f"| {name} | {value:,.3g} | {unit} | {kind} |"
        if value < 1000
        else f"| {name} | {value:,.0f} | {unit} | {kind} |"
    )
