"""What users like as a map: a row a broad category, in it a cell a category inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from userprofile.report.plots import WIDTH, Plot, Row, shortened, told_of, without
from userprofile.report.svg import INK, MUTED, SERIES, drawn, inline
from userprofile.report.words import percent

ROWS, CELLS = 8, 6  # shown at most; what is left over is one more
LEAST = 0.03  # of all interest: what is less is told with the others
_LEAST_HEIGHT, _LEAST_ROW = 380, 16  # points; a row of fewer has no room for its name
_LETTER, _LINE = 6, 12  # points, the width of a letter, most being capitals, and the height of a line
_FEWEST = 6  # letters of a name that is cut
_ACROSS = 0.72 * 2 * WIDTH  # points; the rest of the width is of the names of rows
_HIGH = 0.9  # of the height; the rest is margin
_TINT, _FAINT = 0.3, 0.1


@dataclass(frozen=True)
class Broad:
    """`share` of all interest, and of the categories inside, strongest first; they need not add up to it.

    It is `known` where it is one category, and not all others together.
    """

    name: str
    share: float
    inside: Sequence[tuple[str, float]]
    known: bool = True


def broad_categories(liked: pl.DataFrame) -> list[Broad]:
    """Of rows (level, name, share) the strongest broad categories, and as a last one all others together."""
    ordered = liked.sort("share", "name", descending=[True, False])
    broad, fine = (
        dict(ordered.filter(pl.col("level") == level).select("name", "share").iter_rows()) for level in (1, 2)
    )
    large = [name for name, share in broad.items() if share >= LEAST * sum(broad.values())][:ROWS]
    rows = []
    for name in large:
        inside = [(of.removeprefix(f"{name} / "), share) for of, share in fine.items() if of.startswith(f"{name} / ")]
        rows.append(Broad(name, broad[name], inside))
    others = [(name, share) for name, share in broad.items() if name not in large]
    if others:
        rows.append(Broad(f"{len(others)} others", sum(share for _, share in others), others, known=False))
    return rows


def category_map(liked: pl.DataFrame) -> Plot:
    """Of rows of `broad_categories`, at least one."""
    rows = broad_categories(liked)
    whole = sum(row.share for row in rows)
    smallest = min(row.share for row in rows) / whole
    height = max(_LEAST_HEIGHT, round(_LEAST_ROW / max(smallest, LEAST)))
    with drawn(2 * WIDTH, height) as axes:
        below = 0.0
        middles = []
        for place, row in enumerate(rows):
            _row(axes, row, below, SERIES[place] if row.known else MUTED, points=_HIGH * height / whole)
            middles.append(below + row.share / 2)
            below += row.share
        axes.set_xlim(0, 1)
        axes.set_ylim(below, 0)
        axes.set_yticks(middles, [f"{shortened(row.name)} {percent(row.share)}" for row in rows])
        axes.tick_params(length=0)
        without(axes, "left", x=False)
        told = told_of([row.name for row in rows], [percent(row.share) for row in rows])
        svg = inline(axes, name="likes", label=f"Interest by category: {told}")
    table: list[Row] = []
    for row in rows:
        table.append((row.name, "all", percent(row.share)))
        table += [(row.name, name, percent(share)) for name, share in row.inside[:CELLS]]
    says = (
        "A row is as high as its share of all users' interest, a cell as wide as its share of the row;"
        " the pale end of a row is all else."
    )
    return Plot("Map of categories", svg, ("Broad", "Category", "Share of interest"), table, says, wide=True)


def _row(axes: Axes, row: Broad, below: float, colour: str, *, points: float) -> None:
    """All interest would be so many points high."""
    whole = max(row.share, sum(share for _, share in row.inside))
    left = 0.0
    for name, share in row.inside[:CELLS]:
        width = share / whole
        _cell(axes, (left, below, width, row.share), colour, _TINT)
        _name(axes, name, (left, below + row.share / 2, width), across=width * _ACROSS, high=row.share * points)
        left += width
    if left < 1:
        _cell(axes, (left, below, 1 - left, row.share), colour, _FAINT)


def _name(axes: Axes, name: str, place: tuple[float, float, float], *, across: float, high: float) -> None:
    """In a cell of so many points: across, or else upright, or else cut, or not there."""
    left, middle, width = place
    if across < len(name) * _LETTER < high and across > _LINE:
        axes.text(left + width / 2, middle, name, ha="center", va="center", rotation=90, color=INK, fontsize=9)
    elif (room := int(across / _LETTER)) >= min(len(name), _FEWEST):
        axes.text(left + 0.006, middle, shortened(name, room), va="center", color=INK, fontsize=9)


def _cell(axes: Axes, place: tuple[float, float, float, float], colour: str, depth: float) -> None:
    left, below, width, height = place
    gap = min(0.002, width / 4), min(0.004, height / 4)
    axes.add_patch(
        Rectangle(
            (left + gap[0], below + gap[1]),
            width - 2 * gap[0],
            height - 2 * gap[1],
            facecolor=colour,
            alpha=depth,
            linewidth=0,
        )
    )
