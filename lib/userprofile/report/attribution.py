"""Why one score of one user is what it is, as a page: every part of it, and the heat map of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from userprofile.report.attention import Looked, attention_plot
from userprofile.report.heat import ABOVE as RAISES
from userprofile.report.heat import BELOW as LOWERS
from userprofile.report.heat import heat_map
from userprofile.report.page import template_of
from userprofile.report.plots import WIDTH, Plot, Row, told_of, without
from userprofile.report.svg import INK, LINE, drawn, inline
from userprofile.report.words import figure, percent

PARTS_SHOWN = 15


@dataclass(frozen=True)
class Attributed:
    """A score of a user. `parts` are rows with text, part, share and direction, strongest first.

    `gap` is what the parts miss of what they should add up to, as a share; null where the method claims no sum. `heat`
    has a row an event, oldest first, and a column a channel; `events` say what each event is. `looked` is the
    network's, whichever model serves the score.
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
    looked: Looked


def attribution_page(attributed: Attributed) -> str:
    """HTML with everything inside it."""
    plots = [parts_plot(attributed.parts)]
    heat = heat_plot(attributed) if attributed.heat else None
    gap = None if attributed.gap is None else percent(attributed.gap)
    attention = attention_plot(attributed.looked, attributed.events)
    return template_of("attribution.html").render(of=attributed, plots=plots, heat=heat, gap=gap, attention=attention)


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
    """A column an event, a row a channel."""
    return heat_map(
        "heat",
        f"The last {figure(len(attributed.events))} events",
        attributed.heat,
        events=attributed.events,
        rows=attributed.channels,
        label="Parts of the last events by channel",
        says="One colour raises the score, the other lowers it, as above; the darker, the more.",
    )
