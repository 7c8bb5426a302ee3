"""How far the path came, and where every table is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from userprofile.report.section import Section

STEPS, TABLES = "steps", "tables"
# Tables that jobs add to as they end, that of the page too, so that no version of theirs is the page's.
JOURNALS = {
    "ops.runs": "a row a step that was done, what it read and what it wrote; each job adds to it",
    "ops.jobs": "a row a job that ended, and how; each job adds to it",
    "ops.failures": "a row a step that ended its run; made with the first of them",
}


@dataclass(frozen=True)
class Reached:
    """A step of the path. `state` is done, skipped, failed, outdated (its inputs are newer than it), or not reached."""

    step: str
    state: str
    says: str
    seconds: float | None
    at: datetime | None


@dataclass(frozen=True)
class Origin:
    """A table as the page saw it. `made_from` are the inputs of the step, as "table v1"."""

    table: str
    version: int
    rows: int
    written_at: datetime
    run_id: str
    step: str
    made_from: Sequence[str]


def steps_section(steps: Sequence[Reached], failure: Mapping[str, Any] | None) -> Section:
    """`failure` is a row of ops.failures: what ended the run before it was through."""
    return Section(STEPS, "How far it came", {"steps": steps, "failure": failure})


def tables_section(origins: Sequence[Origin]) -> Section:
    """In the order in which they are made, and what every job adds to."""
    return Section(TABLES, "Tables", {"origins": origins, "journals": JOURNALS})
