"""What differs between two runs, as a page and as text: the same tables in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from userprofile.features.documentation import markdown_table
from userprofile.report.page import template_of

# Of a normal distribution, 95 % lies within as many standard deviations.
SURE = 1.96


@dataclass(frozen=True)
class Compared:
    """A table of differences; without rows `says` tells why there are none."""

    name: str
    title: str
    says: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Difference:
    """The mean over `users` of what they have in the second run less what they have in the first."""

    users: int
    mean: float
    deviation: float  # standard deviation of a user's difference

    @property
    def error(self) -> float:
        """Half the width of the 95 % interval of the mean."""
        return SURE * self.deviation / math.sqrt(self.users) if self.users else math.inf

    @property
    def beyond_noise(self) -> bool:
        """Whether that interval is without zero. It tells of chance among users, not of that of training."""
        return abs(self.mean) > self.error


def share_difference(users: int, gained: int, lost: int) -> Difference:
    """Of a tag that some gained and some lost: each user's difference is 1, -1 or 0.

    >>> share_difference(100, 30, 10).mean, share_difference(100, 30, 10).beyond_noise
    (0.2, True)
    >>> share_difference(100, 11, 10).beyond_noise
    False
    """
    if not users:
        return Difference(0, 0.0, 0.0)
    mean = (gained - lost) / users
    return Difference(users, mean, math.sqrt(max((gained + lost) / users - mean**2, 0.0)))


def comparison_page(tables: Sequence[Compared], *, source: str, first: str, second: str) -> str:
    """HTML with everything inside it."""
    return template_of("comparison.html").render(tables=tables, source=source, first=first, second=second)


def comparison_text(tables: Sequence[Compared], *, source: str, first: str, second: str) -> str:
    """The same as Markdown."""
    parts = [f"# {source}: run {first} against run {second}"]
    for table in tables:
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        parts.append(f"## {table.title}\n\n{table.says}")
        parts += [markdown_table(rows)] if rows else []
    return "\n\n".join(parts) + "\n"
