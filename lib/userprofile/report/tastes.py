"""What users like, and what is said of them in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from userprofile.report.category_map import category_map
from userprofile.report.plots import bars
from userprofile.report.section import Section
from userprofile.report.words import percent, words
from userprofile.tags.definition import Tag
from userprofile.tags.judging import is_below, unsure

LIKES, LIKES_TITLE = "likes", "What they like"
TAGS, TAGS_TITLE = "tags", "Tags"
BROAD, TAGS_SHOWN = 8, 24  # names shown at most


def likes_section(liked: pl.DataFrame) -> Section:
    """`liked` are rows (level, name, share): the mean share of all users' interest."""
    if liked.filter(pl.col("level") == 1).is_empty():
        return Section.without(LIKES, LIKES_TITLE, "the log has no categories")
    if not liked.filter(pl.col("level") == 2).is_empty():
        return Section(LIKES, LIKES_TITLE, {"map": category_map(liked), "plots": []})
    strongest = liked.sort("share", "name", descending=[True, False]).head(BROAD)
    shares = dict(strongest.select("name", "share").iter_rows())
    says = "Share of all users' interest."
    plot = bars("likes", "Broad categories", shares, unit="Share of interest", shares=True, says=says)
    return Section(LIKES, LIKES_TITLE, {"map": None, "plots": [plot]})


@dataclass(frozen=True)
class Foretold:
    """What a tag or a top affinity foretells of users, and how often that came, with the ends of its interval."""

    said: str
    expects: str
    precision: str
    to_anybody: str
    recall: str
    f1: str
    lift: str
    below: bool  # no more often than to anybody
    unsure: str  # what is to be said of a number that may be chance


def foretold(checks: pl.DataFrame) -> list[Foretold]:
    """Of rows of ops.checks of one check: tags, then top affinities, of both the greatest lift first."""
    keys = ["check", "subject"]
    others = checks.filter(pl.col("measure") != "precision").pivot("measure", index=keys, values="value")
    precise = checks.filter(pl.col("measure") == "precision").join(others, on=keys)
    ordered = precise.sort("check", "lift", "subject", descending=[True, True, False])
    return [
        Foretold(
            _subject(row),
            row["expects"] or "",
            _with_interval(row),
            percent(row["base_rate"]),
            percent(row["recall"]),
            f"{row['f1']:.2f}",
            f"{row['lift']:.2f}",
            is_below(row["value"], row["base_rate"]),
            unsure(row["passed"]),
        )
        for row in ordered.to_dicts()
    ]


def _subject(row: Mapping[str, Any]) -> str:
    """A tag's name; of an affinity what it is the strongest of."""
    name: str = row["subject"]
    return name if row["check"] == "tags" else f"strongest {words(name.removesuffix('_affinity'))}"


def _with_interval(row: Mapping[str, Any]) -> str:
    came = percent(row["value"])
    return came if row["low"] is None else f"{came} [{percent(row['low'])}, {percent(row['high'])}]"


@dataclass(frozen=True)
class CameTrue:
    """What was held against the label window after the date `as_of`, and the names of tags that were not."""

    as_of: str
    told: Sequence[Foretold]
    foretell_nothing: Sequence[str]  # say what was, not what follows
    not_seen: Sequence[str]  # nobody had them, or nobody did what they foretell

    @classmethod
    def of(cls, checks: pl.DataFrame, tags: Sequence[Tag]) -> CameTrue:
        """Of rows of ops.checks of one check, at least one, and the tags of its date."""
        seen = set(checks.filter(pl.col("check") == "tags")["subject"])
        nothing = [tag.name for tag in tags if not tag.expects]
        not_seen = [tag.name for tag in tags if tag.expects and tag.name not in seen]
        return cls(str(checks["as_of_date"].max()), foretold(checks), nothing, not_seen)


def tags_section(tags: pl.DataFrame, users: int, *, came_true: CameTrue | None = None, catalogue: str = "") -> Section:
    """`tags` are rows (tag, users); `catalogue` is where the page of all tags lies, if anywhere."""
    if tags.is_empty():
        return Section.without(TAGS, TAGS_TITLE, "no user has a tag")
    shown = tags.sort("users", "tag", descending=[True, False]).head(TAGS_SHOWN)
    shares = [(tag, count / users) for tag, count in shown.select("tag", "users").iter_rows()]
    half = len(shares) if len(shares) <= TAGS_SHOWN // 2 else -(-len(shares) // 2)
    plots = [
        bars(f"tags-{at}", title, dict(part), unit="Share of users", shares=True, most=shares[0][1])
        for at, (title, part) in enumerate((("The most frequent", shares[:half]), ("The next", shares[half:])))
        if part
    ]
    more = tags.height - shown.height
    return Section(TAGS, TAGS_TITLE, {"plots": plots, "more": more, "came_true": came_true, "catalogue": catalogue})
