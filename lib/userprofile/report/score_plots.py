"""Plots of scores: how they lie, how good they are, and whether they tell the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.ticker import FuncFormatter, MaxNLocator

from userprofile.report.plots import WIDTH, Plot, Row, counted, told_of, without
from userprofile.report.svg import LINE, MUTED, SERIES, drawn, inline
from userprofile.report.words import figure, percent, words


@dataclass(frozen=True)
class Spread:
    """Users by the value of a score: bin i is of [edge i, edge i + 1), the last one open."""

    score: str
    title: str
    edges: Sequence[float]
    counts: Sequence[int]
    shares: bool


def spread_plot(spread: Spread) -> Plot:
    """A histogram."""
    edges, counts, shares, title = spread.edges, spread.counts, spread.shares, spread.title
    with drawn(WIDTH, 190) as axes:
        widths = [high - low for low, high in pairwise(edges)]
        axes.bar(edges[:-1], counts, width=[0.92 * width for width in widths], align="edge", color=SERIES[0])
        counted(axes)
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{100 * value:g} %" if shares else figure(value))
        )
        axes.set_ylabel("users")
        most = max(range(len(counts)), key=lambda place: counts[place])
        told = [f"{_edge(low, shares)} to {_edge(high, shares)}" for low, high in pairwise(edges)]
        svg = inline(
            axes, name=f"spread-{spread.score}", label=f"{title}: most users, {figure(counts[most])}, have {told[most]}"
        )
    rows: list[Row] = [(one, figure(count)) for one, count in zip(told, counts, strict=True)]
    return Plot(title, svg, ("From, to", "Users"), rows)


@dataclass(frozen=True)
class Measured:
    """What a model reached: a value, and its 95 % interval where it is known."""

    model: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def told(self) -> str:
        """The value, with the interval where there is one."""
        interval = f" [{figure(self.low)}, {figure(self.high)}]" if self.low is not None else ""
        return f"{figure(self.value)}{interval}"


def measures(
    name: str, title: str, models: Sequence[Measured], *, serves: str, unit: str, larger_is_better: bool, says: str = ""
) -> Plot:
    """A dot a model, with its interval where it is known; the best on top, and the one that serves filled."""
    ordered = sorted(models, key=lambda one: one.value, reverse=larger_is_better)
    with drawn(WIDTH, 46 + 22 * max(len(ordered), 2)) as axes:
        for place, one in enumerate(ordered):
            chosen = one.model == serves
            colour = SERIES[1] if chosen else MUTED
            if one.low is not None and one.high is not None:
                axes.hlines(place, one.low, one.high, color=colour, linewidth=2.5 if chosen else 1.5)
            axes.plot(one.value, place, "o", color=colour, markersize=8 if chosen else 5)
        axes.set_yticks(range(len(ordered)), [_serving(one.model, serves) for one in ordered])
        axes.invert_yaxis()
        axes.margins(x=0.08, y=0.12)
        axes.grid(axis="x", linewidth=0.6)
        without(axes, "left", "bottom")
        axes.tick_params(length=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value)))
        axes.set_xlabel(f"{unit}, {'more' if larger_is_better else 'less'} is better")
        svg = inline(
            axes, name=name, label=f"{title}: {told_of([one.model for one in ordered], [one.told for one in ordered])}"
        )
    rows: list[Row] = [(_serving(one.model, serves), one.told) for one in ordered]
    return Plot(title, svg, ("Model", unit), rows, says)


def calibration(name: str, title: str, points: Sequence[Mapping[str, float]]) -> Plot:
    """What came (up) by what was said (right), of groups of equally many users; on the line a score tells the truth."""
    with drawn(WIDTH, 250) as axes:
        most = 1.02 * max(max(point["said"], point["came"]) for point in points)
        axes.plot([0, most], [0, most], color=LINE, linewidth=1.2)
        said, came = [point["said"] for point in points], [point["came"] for point in points]
        axes.plot(said, came, color=SERIES[0], marker="o", markersize=5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.set_xlabel("said")
        axes.set_ylabel("came")
        furthest = max(points, key=lambda point: abs(point["said"] - point["came"]))
        far = f"furthest from the truth where {percent(furthest['said'])} was said and {percent(furthest['came'])} came"
        svg = inline(axes, name=name, label=f"{title}: {far}")
    rows: list[Row] = [(percent(point["said"]), percent(point["came"]), figure(int(point["rows"]))) for point in points]
    return Plot(title, svg, ("Said", "Came", "Users"), rows)


def _serving(model: str, serves: str) -> str:
    return f"{words(model)}, serves" if model == serves else words(model)


def _edge(value: float, shares: bool) -> str:
    return percent(value) if shares else figure(value)
