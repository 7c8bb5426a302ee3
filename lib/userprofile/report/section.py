"""A part of a page: its heading, its template, and what the template shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Section:
    """`name` is its anchor, and its template below templates/sections; `missing` says why it has nothing to show."""

    name: str
    title: str
    values: Mapping[str, Any]
    missing: str = ""

    @classmethod
    def without(cls, name: str, title: str, why: str) -> Section:
        """A section whose tables are not there (yet)."""
        return cls(name, title, {}, why)
