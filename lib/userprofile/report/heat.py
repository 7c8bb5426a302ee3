"""A history as a heat map: a column an event, oldest first, and a row a channel or whatever else looks at events."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.patches import Rectangle

from userprofile.report.plots import WIDTH, Plot, Row, told_of, without
from userprofile.report.svg import SERIES, drawn, inline
from userprofile.report.words import words

ABOVE, BELOW = SERIES[5], SERIES[0]
_FAINTEST = 0.06


def heat_map(
    name: str,
    title: str,
    values: Sequence[Sequence[float]],
    *,
    events: Sequence[str],
    rows: Sequence[str],
    label: str,
    says: str,
    by_row: bool = False,
) -> Plot:
    """`values` has a list an event, with a number a row; the darker, the larger it is, of all or `by_row`."""
    sizes = [max((abs(event[row]) for event in values), default=0.0) for row in range(len(rows))]
    most = sizes if by_row else [max(sizes, default=0.0)] * len(rows)
    with drawn(2 * WIDTH, 50 + 24 * len(rows)) as axes:
        for place, event in enumerate(values):
            for row, value in enumerate(event):
                depth = _FAINTEST + (1 - _FAINTEST) * abs(value) / (most[row] or 1.0)
                colour = ABOVE if value > 0 else BELOW
                axes.add_patch(
                    Rectangle((place + 0.05, row + 0.08), 0.9, 0.84, facecolor=colour, alpha=depth, linewidth=0)
                )
        axes.set_xlim(0, len(values))
        axes.set_ylim(len(rows), 0)
        axes.set_yticks([row + 0.5 for row in range(len(rows))], rows)
        axes.set_xticks([0.5, len(values) - 0.5], ["oldest", "latest"])
        axes.tick_params(length=0)
        without(axes, "left", "bottom")
        sums = [sum(event) for event in values]
        strongest = sorted(range(len(sums)), key=lambda place: -abs(sums[place]))
        told = told_of([events[place] for place in strongest], [f"{sums[place]:+.3g}" for place in strongest])
        svg = inline(axes, name=name, label=f"{label}: {told}")
    table: list[Row] = [
        (event, *(f"{value:+.4f}" for value in numbers)) for event, numbers in zip(events, values, strict=True)
    ]
    return Plot(title, svg, ("Event", *(words(row) for row in rows)), table, says, wide=True)
