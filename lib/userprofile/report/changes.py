"""What changed since the profiles before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from userprofile.report.plots import gains
from userprofile.report.section import Section

NAME, TITLE = "changes", "What changed"
TAGS_SHOWN, MOVES_SHOWN = 12, 8


@dataclass(frozen=True)
class Before:
    """The profiles that the present ones are held against."""

    says: str  # for instance "the profiles as of 2017-12-01"
    users: int
    new: int
    gone: int
    tags: pl.DataFrame  # (tag, gained, lost) over users of both
    segments: pl.DataFrame  # (before, now, users), of users of both whose segment changed
    scores: Sequence[Mapping[str, Any]]  # name, users, before, now (means), risen, fallen (users, by a tenth or more)


def changes_section(before: Before | None, *, why_none: str = "") -> Section:
    """Without profiles before, the reason."""
    if before is None:
        return Section.without(NAME, TITLE, why_none)
    tags = before.tags.sort(pl.col("gained") + pl.col("lost"), "tag", descending=[True, False]).head(TAGS_SHOWN)
    moved = {tag: (gained, lost) for tag, gained, lost in tags.select("tag", "gained", "lost").iter_rows()}
    moves = before.segments.sort("users", "before", "now", descending=[True, False, False], nulls_last=True)
    return Section(
        NAME,
        TITLE,
        {
            "before": before,
            "tags": gains("tags-moved", "Tags gained and lost", moved) if moved else None,
            "moves": moves.head(MOVES_SHOWN).to_dicts(),
        },
    )
