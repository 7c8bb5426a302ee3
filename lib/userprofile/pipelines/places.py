"""Whose rows a file of a gold table holds: its name says to which of how many places its users are dealt."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from userprofile.spark.columnar import USER, RowGroup

_NAMED = re.compile(r"/part-(\d+)of(\d+)-")


def place_of(rows: pl.DataFrame, places: int) -> int:
    """The place of users who are all dealt to one."""
    return int(rows.head(1).select(USER % places).item())


def place_label(rows: pl.DataFrame, places: int) -> str:
    """How the name of a file says it."""
    return f"{place_of(rows, places):05}of{places:05}-"


def groups_by_place(groups: Sequence[RowGroup]) -> tuple[int, dict[int, list[RowGroup]]]:
    """How many places there are, and the row groups of each; all at one where names do not agree on it, as after a
    table was compacted."""
    named = [(group, _NAMED.search(group[0])) for group in groups]
    numbers = {int(name[2]) if name else 1 for _, name in named}
    if len(numbers) != 1:
        return 1, {0: list(groups)}
    found: dict[int, list[RowGroup]] = {}
    for group, name in named:
        found.setdefault(int(name[1]) if name else 0, []).append(group)
    return numbers.pop(), found
