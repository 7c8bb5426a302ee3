"""The page of all tags: what each says and by which rule, how many have it, and whether it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from userprofile.report.catalogue import share
from userprofile.report.page import template_of
from userprofile.tags.definition import Tag
from userprofile.tags.judging import is_below, unsure


@dataclass(frozen=True)
class Checked:
    """What ops.checks says of a tag: of users with it, the share to whom it happened, beside the base rate."""

    precision: float
    low: float
    high: float
    base_rate: float
    lift: float
    recall: float
    f1: float
    rows: int
    passed: bool | None

    @property
    def below(self) -> bool:
        """Whether it is no better than the base rate."""
        return is_below(self.precision, self.base_rate)

    @property
    def unsure(self) -> str:
        """What is to be said beside it of a number that may be chance."""
        return unsure(self.passed)


@dataclass(frozen=True)
class Given:
    """One tag and how it was given."""

    tag: Tag
    users: int
    share: float  # of all users
    overlap: tuple[str, float] | None  # the other tag with the highest Jaccard index: both / either
    kept: float | None  # of its words given on the date before, the share given again; None where there were none
    checked: Checked | None = None


@dataclass(frozen=True)
class Page:
    """What the page is made of."""

    source: str
    file: str
    as_of: date
    users: int
    unknown: int  # users with words that no tag of the file gives
    before: date | None = None  # the date that `kept` compares with
    checked_as_of: date | None = None
    given: Sequence[Given] = field(default_factory=tuple)


def given(
    tags: Sequence[Tag],
    *,
    users: int,
    having: Mapping[str, int],
    both: Mapping[tuple[str, str], int],
    kept: Mapping[str, tuple[int, int]],
    checks: Mapping[str, Checked],
) -> list[Given]:
    """Of each tag, in its file's order, out of what was counted (pipelines/tag_counts.py)."""
    rows = []
    for tag in tags:
        has = having.get(tag.name, 0)
        before, again = kept.get(tag.name, (0, 0))
        overlap = _most_alike(tag.name, having, both)
        stays = again / before if before else None
        rows.append(Given(tag, has, has / users if users else 0.0, overlap, stays, checks.get(tag.name)))
    return rows


def _most_alike(name: str, having: Mapping[str, int], both: Mapping[tuple[str, str], int]) -> tuple[str, float] | None:
    alike = [
        (together / (having[name] + having[other] - together), other)
        for (one, other), together in both.items()
        if one == name and other
    ]
    jaccard, other = max(alike, default=(0.0, ""))
    return (other, jaccard) if other else None


def tags_page(page: Page) -> str:
    """HTML with everything inside it, a table a theme; words of a file or a log are escaped."""
    themes: dict[str, list[Given]] = {}
    for one in page.given:
        themes.setdefault(one.tag.theme, []).append(one)
    return template_of("tags.html", share=share).render(page=page, themes=themes)
