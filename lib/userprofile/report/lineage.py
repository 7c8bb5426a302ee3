"""How far the path came, and where every table is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from userprofile.report.section import Section

STEPS, TABLES = "steps", "tables"


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
    """In the order in which they are made."""
    return Section(TABLES, "Tables", {"origins": origins})
