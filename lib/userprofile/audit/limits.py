"""What must hold of a table's rows, and which of it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from userprofile.audit.drift import Drift

OF_TABLE = "rows"  # the subject of what is not about a column


class ColumnExpectation(BaseModel):
    """What must hold of a column; null where anything may."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nulls: Annotated[float, Field(ge=0, le=1)] | None = None  # their share, at most
    least: float | None = None
    most: float | None = None
    drift: Annotated[float, Field(gt=0)] | None = None  # population stability index against the date before, at most


class TableExpectation(BaseModel):
    """What must hold of a table's rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int  # at least
    fewer: Annotated[float, Field(ge=0, le=1)] | None = None  # share of the usual number by which rows may be fewer
    more: Annotated[float, Field(gt=0)] | None = None  # and more
    recent_rows: Annotated[float, Field(ge=0, le=1)] | None = None  # as fewer, of rows of the last days alone
    unique: bool = False  # whether a key may be there once only
    columns: dict[str, ColumnExpectation] = Field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A number measured, and whether it is as expected."""

    subject: str  # a column, or OF_TABLE
    measure: str
    value: float
    expects: str
    passed: bool
    usual: float | None = None

    def told(self) -> str:
        """In words."""
        return f"{self.subject}: {self.measure} {self.value:.6g}, expected {self.expects}"


def findings(
    expected: TableExpectation,
    *,
    rows: int,
    keys: int,
    earlier: Sequence[float],
    columns: Mapping[str, Mapping[str, float | None]],
) -> list[Finding]:
    """Of a table with so many rows and different keys; `earlier` are the rows of dates before.

    `columns` has of each expected column `nulls`, their number, and `least` and `most`, None where all are null.
    """
    found = [_at_least(OF_TABLE, "rows", rows, expected.rows)]
    if earlier:
        found += _beside_usual(expected, rows, median(earlier))
    if expected.unique:
        found.append(_at_most(OF_TABLE, "doubled", rows - keys, 0))
    for name, limits in expected.columns.items():
        measured = columns[name]
        least, most = measured["least"], measured["most"]
        if limits.nulls is not None and rows:
            found.append(_at_most(name, "nulls", (measured["nulls"] or 0) / rows, limits.nulls))
        if limits.least is not None and least is not None:
            found.append(_at_least(name, "least", least, limits.least))
        if limits.most is not None and most is not None:
            found.append(_at_most(name, "most", most, limits.most))
    return found


def recent_measure(days: int) -> str:
    """What the number of rows of the last days is called: others are not to be compared with it."""
    return f"rows_of_{days}_days"


def recent_finding(rows: int, *, days: int, fewer: float, earlier: Sequence[float]) -> Finding:
    """Rows of the last days, beside those that as many days had on dates before; where there were none all pass."""
    usual = median(earlier) if earlier else None
    found = _at_least(OF_TABLE, recent_measure(days), rows, (usual or 0) * (1 - fewer))
    return replace(found, usual=usual)


def drift_findings(expected: TableExpectation, found: Sequence[Drift]) -> list[Finding]:
    """Of columns whose drift has a limit; what chance alone might have made passes."""
    limits = {one.feature: expected.columns[one.feature].drift or 0.0 for one in found}
    return [_at_most(one.feature, "drift", one.index, max(limits[one.feature], one.by_chance)) for one in found]


def _at_least(subject: str, measure: str, value: float, limit: float) -> Finding:
    return Finding(subject, measure, value, f"at least {limit:.6g}", value >= limit)


def _at_most(subject: str, measure: str, value: float, limit: float) -> Finding:
    return Finding(subject, measure, value, f"at most {limit:.6g}", value <= limit)


def _beside_usual(expected: TableExpectation, rows: int, usual: float) -> list[Finding]:
    found = []
    if expected.fewer is not None:
        found.append(replace(_at_least(OF_TABLE, "fewer", rows, usual * (1 - expected.fewer)), usual=usual))
    if expected.more is not None:
        found.append(replace(_at_most(OF_TABLE, "more", rows, usual * (1 + expected.more)), usual=usual))
    return found
