"""The kinds of plots of a page, each with the numbers behind it as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from userprofile.report.svg import INK, LINE, SERIES, drawn, inline
from userprofile.report.words import figure, percent

WIDTH = 400  # points: as wide as a phone, so that texts are never scaled down by much
LEGEND: dict[str, Any] = {
    "ncols": 3,
    "loc": "lower left",
    "bbox_to_anchor": (0, 1),
    "borderaxespad": 0,
    "handlelength": 1,
}
_LONGEST_NAME = 30


Row = tuple[object, ...]


@dataclass(frozen=True)
class Plot:
    """`svg` with its numbers: rows of as many cells as there are columns."""

    title: str
    svg: str
    columns: tuple[str, ...]
    rows: list[Row]
    says: str = ""
    wide: bool = False  # too much for a phone: there it is scrolled


def bars(
    name: str,
    title: str,
    values: Mapping[str, float],
    *,
    unit: str,
    shares: bool = False,
    colours: Sequence[int] = (),
    most: float = 0,
    says: str = "",
) -> Plot:
    """A bar a name, the first on top, each with its number.

    `colours` are places in SERIES, one a bar; plots that are to be compared have one value `most`.
    """
    names, told = list(values), [percent(value) if shares else figure(value) for value in values.values()]
    with drawn(WIDTH, 34 + 20 * max(len(names), 2)) as axes:
        fills = [SERIES[place] for place in colours] or SERIES[0]
        lying = axes.barh(range(len(names)), list(values.values()), color=fills, height=0.72)
        axes.bar_label(lying, told, padding=4, color=INK, fontsize=10)
        axes.set_yticks(range(len(names)), [shortened(one) for one in names])
        axes.invert_yaxis()
        axes.margins(y=0.02)
        axes.set_xlim(0, 1.17 * (most or max(values.values(), default=0) or 1))
        without(axes, "bottom", x=False)
        axes.tick_params(axis="y", length=0)
        svg = inline(axes, name=name, label=f"{title}: {told_of(names, told)}")
    return Plot(title, svg, ("", unit), list(zip(names, told, strict=True)), says)


def gains(name: str, title: str, changes: Mapping[str, tuple[int, int]]) -> Plot:
    """Of each name how many users gained it (right) and lost it (left)."""
    names = list(changes)
    with drawn(WIDTH, 52 + 22 * max(len(names), 2)) as axes:
        gained, lost = ([change[side] for change in changes.values()] for side in (0, 1))
        right = axes.barh(range(len(names)), gained, color=SERIES[2], height=0.7, label="gained")
        left = axes.barh(range(len(names)), [-count for count in lost], color=SERIES[5], height=0.7, label="lost")
        axes.bar_label(right, [figure(count) if count else "" for count in gained], padding=3, color=INK, fontsize=10)
        axes.bar_label(left, [figure(count) if count else "" for count in lost], padding=3, color=INK, fontsize=10)
        axes.axvline(0, color=LINE, linewidth=1)
        axes.set_yticks(range(len(names)), [shortened(one) for one in names])
        axes.invert_yaxis()
        axes.margins(x=0.2, y=0.02)
        without(axes, "left", "bottom", x=False)
        axes.tick_params(axis="y", length=0)
        axes.legend(**LEGEND)
        told = [f"{figure(up)} gained, {figure(down)} lost" for up, down in changes.values()]
        svg = inline(axes, name=name, label=f"{title}: {told_of(names, told)}")
    rows: list[Row] = [(one, figure(up), figure(down)) for one, (up, down) in changes.items()]
    return Plot(title, svg, ("", "Gained", "Lost"), rows)


def shortened(name: str, longest: int = _LONGEST_NAME) -> str:
    """
    >>> shortened("DRUG GM / SOAP - LIQUID & BAR FOR HANDS")
    'DRUG GM / SOAP - LIQUID & BAR…'
    """
    return name if len(name) <= longest else f"{name[: longest - 1].rstrip()}…"


def told_of(names: Sequence[str], told: Sequence[str]) -> str:
    """The first few, as a listener wants them."""
    return "; ".join(f"{name} {value}" for name, value in list(zip(names, told, strict=True))[:5])


def without(axes: Axes, *spines: str, x: bool = True) -> None:
    """No lines on these sides; without `x` no numbers below either."""
    axes.spines[list(spines)].set_visible(False)
    if not x:
        axes.spines["bottom"].set_visible(False)
        axes.xaxis.set_visible(False)


def counted(axes: Axes) -> None:
    """Whole numbers up the side, on faint lines."""
    axes.grid(axis="y", linewidth=0.6)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(int(value))))
    axes.tick_params(axis="y", length=0)
    without(axes, "left")
