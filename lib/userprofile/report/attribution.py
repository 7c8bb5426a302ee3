"""Why one score of one user is what it is, as a page: every part of it, and the heat map of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.patches import Rectangle

from userprofile.report.page import template_of
from userprofile.report.plots import WIDTH, Plot, Row, told_of, without
from userprofile.report.svg import INK, LINE, SERIES, drawn, inline
from userprofile.report.words import figure, percent, words

PARTS_SHOWN = 15
RAISES, LOWERS = SERIES[5], SERIES[0]
_FAINTEST = 0.06


@dataclass(frozen=True)
class Attributed:
    """A score of a user. `parts` are rows with text, part, share and direction, strongest first.

    `gap` is what the parts miss of what they should add up to, as a share; null where the method claims no sum. `heat`
    has a row an event, oldest first, and a column a channel; `events` say what each event is.
    """

    source: str
    user: str
    as_of: str
    score: str
    model: str
    method: str
    parts: Sequence[Mapping[str, Any]]
    gap: float | None
    channels: Sequence[str]
    heat: Sequence[Sequence[float]]
    events: Sequence[str]


def attribution_page(attributed: Attributed) -> str:
    """HTML with everything inside it."""
    plots = [parts_plot(attributed.parts)]
    heat = heat_plot(attributed) if attributed.heat else None
    gap = None if attributed.gap is None else percent(attributed.gap)
    return template_of("attribution.html").render(of=attributed, plots=plots, heat=heat, gap=gap)


def parts_plot(parts: Sequence[Mapping[str, Any]]) -> Plot:
    """What raises the score lies to the right, what lowers it to the left; their lengths are the parts."""
    shown = parts[:PARTS_SHOWN]
    values = [part["part"] for part in shown]
    with drawn(2 * WIDTH, 40 + 22 * max(len(shown), 2)) as axes:
        lying = axes.barh(
            range(len(shown)), values, color=[RAISES if value > 0 else LOWERS for value in values], height=0.7
        )
        axes.bar_label(lying, [percent(part["share"]) for part in shown], padding=4, color=INK, fontsize=10)
        axes.axvline(0, color=LINE, linewidth=1)
        axes.set_yticks(range(len(shown)), [part["text"] for part in shown])
        axes.invert_yaxis()
        axes.margins(x=0.16, y=0.02)
        axes.tick_params(axis="y", length=0)
        without(axes, "left", "bottom", x=False)
        told = told_of([part["text"] for part in shown], [part["direction"] for part in shown])
        svg = inline(axes, name="parts", label=f"What moved the score: {told}")
    rows: list[Row] = [
        (part["text"], part["direction"], f"{part['part']:+.4f}", percent(part["share"])) for part in parts
    ]
    says = "To the right raises the score, to the left lowers it; the numbers are shares of all that moved it."
    return Plot("What moved the score", svg, ("", "Direction", "Part", "Share"), rows, says, wide=True)


def heat_plot(attributed: Attributed) -> Plot:
    """A column an event, a row a channel; the darker, the larger the part."""
    largest = max((abs(value) for event in attributed.heat for value in event), default=0.0) or 1.0
    with drawn(2 * WIDTH, 50 + 24 * len(attributed.channels)) as axes:
        for place, event in enumerate(attributed.heat):
            for row, value in enumerate(event):
                depth = _FAINTEST + (1 - _FAINTEST) * abs(value) / largest
                colour = RAISES if value > 0 else LOWERS
                axes.add_patch(
                    Rectangle((place + 0.05, row + 0.08), 0.9, 0.84, facecolor=colour, alpha=depth, linewidth=0)
                )
        axes.set_xlim(0, len(attributed.heat))
        axes.set_ylim(len(attributed.channels), 0)
        axes.set_yticks([row + 0.5 for row in range(len(attributed.channels))], attributed.channels)
        axes.set_xticks([0.5, len(attributed.heat) - 0.5], ["oldest", "latest"])
        axes.tick_params(length=0)
        without(axes, "left", "bottom")
        sums = [sum(event) for event in attributed.heat]
        strongest = sorted(range(len(sums)), key=lambda place: -abs(sums[place]))
        told = told_of(
            [attributed.events[place] for place in strongest], [f"{sums[place]:+.3g}" for place in strongest]
        )
        svg = inline(axes, name="heat", label=f"Parts of the last events by channel: {told}")
    rows: list[Row] = [
        (event, *(f"{value:+.4f}" for value in values))
        for event, values in zip(attributed.events, attributed.heat, strict=True)
    ]
    title = f"The last {figure(len(attributed.events))} events"
    says = "One colour raises the score, the other lowers it, as above; the darker, the more."
    return Plot(title, svg, ("Event", *(words(name) for name in attributed.channels)), rows, says, wide=True)
