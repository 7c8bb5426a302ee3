"""The page of a run: its head, and its sections in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from userprofile.report.page import template_of
from userprofile.report.section import Section

EXAMPLES, EXAMPLES_TITLE = "examples", "A few of them"


@dataclass(frozen=True)
class Key:
    """A figure of the head."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True)
class Head:
    """What a reader sees first."""

    source: str
    title: str
    says: str
    about: str
    keys: Sequence[Key]
    made_of: str


def report_page(head: Head, sections: Sequence[Section]) -> str:
    """HTML with everything inside it; whatever came from a log is escaped."""
    return template_of("report.html").render(head=head, sections=sections)


def examples_section(examples: Sequence[Mapping[str, Any]]) -> Section:
    """Users to look at, whose cards lie beside the page, in cards/<user_id>.html."""
    if not examples:
        return Section.without(EXAMPLES, EXAMPLES_TITLE, "infer_profiles has not been reached")
    return Section(EXAMPLES, EXAMPLES_TITLE, {"examples": examples})
