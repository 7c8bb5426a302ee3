"""The last events of a user as a heat map: a column an event, a row a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from userprofile.report.plots import WIDTH, Plot, Row, shortened, without
from userprofile.report.svg import INK, LINE, SERIES, drawn, inline
from userprofile.report.words import figure, words

POSITIONS = 30
_FAINTEST, _DARKEST = 0.1, 0.85


@dataclass(frozen=True)
class SequencePlot:
    """`keys` are what the colours of words mean: place in SERIES from 1, and the word."""

    plot: Plot
    keys: dict[str, list[tuple[int, str]]]


def sequence_plot(events: pl.DataFrame) -> SequencePlot:
    """Of the last of `events`: rows (action, category, price_band, gap_days, age_days, item), oldest first.

    Words have a colour each, the most frequent ones one of their own; numbers are the darker the larger.
    """
    shown = events.tail(POSITIONS)
    actions, categories = _coloured(shown["action"], 8), _coloured(shown["category"], 8)
    channels = ("action", "category", "price", "days between", "days ago", "seen before")
    again = [item in earlier for item, earlier in _with_earlier(events["item"].to_list())][-shown.height :]
    with drawn(2 * WIDTH, 170) as axes:
        _words(axes, 0, shown["action"], actions)
        _words(axes, 1, shown["category"], categories)
        for place, name in enumerate(("price_band", "gap_days", "age_days"), start=2):
            _numbers(axes, place, shown[name])
        _numbers(axes, 5, pl.Series(again, dtype=pl.Int8))
        axes.set_xlim(0, shown.height)
        axes.set_ylim(len(channels), 0)
        axes.set_yticks([place + 0.5 for place in range(len(channels))], channels)
        axes.set_xticks([0.5, shown.height - 0.5], ["oldest", "latest"])
        axes.tick_params(length=0)
        without(axes, "left", "bottom")
        title = f"The last {shown.height} events as the model reads them"
        svg = inline(axes, name="sequence", label=f"{title}: {_in_short(shown)}")
    rows = [_row(row, seen) for row, seen in zip(shown.to_dicts(), again, strict=True)]
    plot = Plot(
        title, svg, ("Action", "Category", "Price band", "Days between", "Days ago", "Seen before"), rows, wide=True
    )
    return SequencePlot(plot, {"action": _key(actions), "category": _key(categories)})


def _row(event: dict[str, Any], seen: bool) -> Row:
    numbers = (figure(event[name]) for name in ("price_band", "gap_days", "age_days"))
    return (words(event["action"]), event["category"] or "", *numbers, "yes" if seen else "")


def _coloured(column: pl.Series, colours: int) -> dict[str, int]:
    """Word -> place in SERIES; the rarest ones share the last."""
    frequent = column.drop_nulls().alias("word").value_counts().sort("count", "word", descending=[True, False])
    return {word: min(place, colours - 1) for place, word in enumerate(frequent["word"])}


def _key(colours: dict[str, int]) -> list[tuple[int, str]]:
    own = [(place + 1, shortened(words(word))) for word, place in colours.items() if place < 7]
    rest = [word for word, place in colours.items() if place == 7]
    return own + ([(8, shortened(words(rest[0])) if len(rest) == 1 else f"{len(rest)} others")] if rest else [])


def _with_earlier(items: Sequence[str | None]) -> list[tuple[str | None, set[str | None]]]:
    """Each item with those before it; none is no item."""
    seen: set[str | None] = set()
    found = []
    for item in items:
        found.append((item, set(seen)))
        if item is not None:
            seen.add(item)
    return found


def _words(axes: Axes, row: int, column: pl.Series, colours: dict[str, int]) -> None:
    for place, word in enumerate(column):
        _cell(axes, place, row, SERIES[colours[word]] if word is not None else LINE, 1.0)


def _numbers(axes: Axes, row: int, column: pl.Series) -> None:
    """By their logarithms: days between events are mostly none, and now and then many."""
    values = column.cast(pl.Float64).clip(lower_bound=0).fill_null(0).log1p()
    lowest = values.min()
    depths = (values - lowest) / ((values.max() - lowest) or 1.0)  # type: ignore[operator]
    for place, depth in enumerate(depths):
        _cell(axes, place, row, INK, _FAINTEST + (_DARKEST - _FAINTEST) * depth)


def _cell(axes: Axes, place: int, row: int, colour: str, depth: float) -> None:
    axes.add_patch(Rectangle((place + 0.05, row + 0.08), 0.9, 0.84, facecolor=colour, alpha=depth, linewidth=0))


def _in_short(shown: pl.DataFrame) -> str:
    counts = shown["action"].value_counts().sort("count", "action", descending=[True, False])
    return ", ".join(f"{figure(count)} {words(action)}" for action, count in counts.iter_rows())
