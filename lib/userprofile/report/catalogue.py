"""The feature catalogue as a page and as Markdown: what each feature means, and how its values lie in the last run."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from userprofile.features.documentation import catalogue_table, markdown_table
from userprofile.features.entries import Catalogue
from userprofile.report.page import template_of
from userprofile.report.values import Values, values_of
from userprofile.report.words import figure

SPARKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Described:
    """The catalogue with the values of one date: of `seen` users out of `users`."""

    source: str
    as_of: date
    users: int
    seen: int
    features: list[dict[str, str]]  # rows of documentation.catalogue_table
    values: list[Values]  # of each feature

    @property
    def says(self) -> str:
        """What the figures are made of."""
        chosen = "all" if self.seen == self.users else f"{self.seen:,}, chosen by hash, of the"
        return f"{len(self.features)} features as of {self.as_of}; the figures are of {chosen} {self.users:,} users"


def described(rows: pl.DataFrame, catalogue: Catalogue, *, source: str, as_of: date, users: int) -> Described:
    """Of rows of gold.user_features as of one date, all or some of `users`."""
    values = [values_of(rows[name]) for name in catalogue.names]
    return Described(source, as_of, users, rows.height, catalogue_table(catalogue), values)


def catalogue_page(catalogue: Described) -> str:
    """HTML with everything inside it, a table a family."""
    families: dict[str, list[dict[str, Any]]] = {}
    for feature, values in zip(catalogue.features, catalogue.values, strict=True):
        families.setdefault(feature["family"], []).append({**feature, "values": values})
    template = template_of("catalogue.html", share=share, edge=edge)
    return template.render(source=catalogue.source, says=catalogue.says, families=families, heights=heights)


def catalogue_text(catalogue: Described) -> str:
    """The same as a Markdown table, histograms as block characters."""
    rows = [
        {**feature, "null share": share(values.null_share), "values": _in_a_line(values)}
        for feature, values in zip(catalogue.features, catalogue.values, strict=True)
    ]
    return f"# Features of {catalogue.source}\n\n{catalogue.says}.\n\n{markdown_table(rows)}"


def heights(bars: Sequence[int]) -> list[float]:
    """Of each bar, 0 to 1, the highest 1; what is there can be seen."""
    return [max(bar / max(bars), 0.04) if bar else 0.0 for bar in bars]


def sparkline(bars: Sequence[int]) -> str:
    """
    >>> sparkline([0, 1, 50, 100])
    '▁▂▅█'
    """
    steps = len(SPARKS) - 1
    return "".join(SPARKS[-(-bar * steps // max(bars)) if bar else 0] for bar in bars)


def share(part: float) -> str:
    """
    >>> share(0.125), share(0.0), share(1.0)
    ('12.5 %', '0 %', '100 %')
    """
    return f"{100 * part:.3g} %"


def edge(value: Any) -> str:
    """An end or the middle of a range; of times the day."""
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime | date) else figure(value)


def _in_a_line(values: Values) -> str:
    if values.bars:
        ends = f"{edge(values.lowest)} … {edge(values.median)} … {edge(values.highest)}"
        return f"{sparkline(values.bars)} {ends}{', logarithmic' if values.logarithmic else ''}"
    words = ", ".join(f"{html.escape(word, quote=False)} {share(part)}" for word, part in values.words)
    return f"{values.different:,} different: {words}" if words else ""
