"""Plots over months: how much happened, and how many did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from userprofile.report.plots import LEGEND, WIDTH, Plot, Row, counted
from userprofile.report.svg import SERIES, drawn, inline
from userprofile.report.words import figure


def stacked_months(name: str, title: str, months: Sequence[str], parts: Mapping[str, Sequence[int]]) -> Plot:
    """A bar a month, as high as all parts together; a part a kind of event."""
    with drawn(WIDTH, 230) as axes:
        below = [0] * len(months)
        for place, (part, counts) in enumerate(parts.items()):
            axes.bar(range(len(months)), counts, bottom=below, color=SERIES[place % 8], label=part, width=0.8)
            below = [low + count for low, count in zip(below, counts, strict=True)]
        _months(axes, months)
        if len(parts) > 1:
            axes.legend(**LEGEND)
        svg = inline(axes, name=name, label=f"{title}, {months[0]} to {months[-1]}, at most {figure(max(below))}")
    return Plot(title, svg, ("Month", *parts), _rows(months, parts))


def month_lines(name: str, title: str, months: Sequence[str], lines: Mapping[str, Sequence[int]]) -> Plot:
    """A line a kind of user over months, from zero."""
    with drawn(WIDTH, 230) as axes:
        for place, (line, counts) in enumerate(lines.items()):
            axes.plot(range(len(months)), counts, color=SERIES[place], marker="o", markersize=3.5, label=line)
        _months(axes, months)
        axes.set_ylim(0, 1.06 * max(1, *(max(counts) for counts in lines.values())))
        if len(lines) > 1:
            axes.legend(**LEGEND)
        highest = max(max(counts) for counts in lines.values())
        svg = inline(axes, name=name, label=f"{title}, {months[0]} to {months[-1]}, at most {figure(highest)}")
    return Plot(title, svg, ("Month", *lines), _rows(months, lines))


def _rows(months: Sequence[str], columns: Mapping[str, Sequence[int]]) -> list[Row]:
    return [(month, *(figure(counts[at]) for counts in columns.values())) for at, month in enumerate(months)]


def _months(axes: Axes, months: Sequence[str]) -> None:
    every = -(-len(months) // 7)
    axes.set_xticks(range(0, len(months), every), months[::every])
    counted(axes)
