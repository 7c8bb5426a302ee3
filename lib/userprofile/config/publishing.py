"""What has to hold before profiles are published, which model they come from, and how tables are kept."""

from __future__ import annotations

from userprofile.audit.limits import TableExpectation
from userprofile.config.values import Count, Horizon, Section


class CheckTables(Section):
    """What must hold of tables before anything is said from them."""

    dates: Count
    days: Count
    recent_days: Count
    drift_rows: Count
    seed: int
    tables: dict[str, TableExpectation]


class PromoteModel(Section):
    """Which model scores."""

    model: str
    examples: Count
    draws: Count
    seed: int


class RollbackModel(Section):
    """Which model is to score no longer."""

    model: str


class MaintainTables(Section):
    """How tables are kept in shape."""

    file_megabytes: Count
    keep: Horizon
    keep_log: Horizon
