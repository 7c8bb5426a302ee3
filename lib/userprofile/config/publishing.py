"""What has to hold before profiles are published, which model they come from, and how tables are kept."""

from __future__ import annotations

from pydantic import Field

from userprofile.config.values import Count, Horizon, Positive, Section, Share


class ColumnExpectation(Section):
    """What must hold of a column; null where anything may."""

    nulls: Share | None = None
    least: float | None = None
    most: float | None = None
    drift: Positive | None = None


class TableExpectation(Section):
    """What must hold of a table's rows."""

    rows: int
    fewer: Share | None = None
    more: Positive | None = None
    unique: bool = False
    columns: dict[str, ColumnExpectation] = Field(default_factory=dict)


class CheckTables(Section):
    """What must hold of tables before anything is said from them."""

    dates: Count
    users: Count
    seed: int
    tables: dict[str, TableExpectation]


class PromoteModel(Section):
    """Which model scores."""

    model: str
    examples: Count
    draws: Count
    seed: int


class MaintainTables(Section):
    """How tables are kept in shape."""

    file_megabytes: Count
    keep: Horizon
    keep_log: Horizon
