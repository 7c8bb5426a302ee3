"""A matplotlib figure as SVG for the inside of a page: its colours are the page's, its texts are text."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Drawn in these, saved as the variables of style.css, so that one plot serves light and dark pages.
INK, MUTED, LINE = "#010203", "#020304", "#030405"
SERIES = tuple(f"#04050{place}" for place in range(1, 9))
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line"} | {
    colour: f"--series-{place}" for place, colour in enumerate(SERIES, start=1)
}
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a title may hold dollars
    "svg.hashsalt": "userprofile",  # the same figure is the same text
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "grid.color": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 10,
}
_POINTS_PER_INCH = 72
_ONE_AT_A_TIME = RLock()

# What a page says itself, or for all plots at once, or nobody needs.
_LEFT_OUT = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<metadata>.*?</metadata>",
        r"<defs>\s*<style.*?</style>\s*</defs>",
        r"<!--.*?-->",
        r" (width|height)=\"[\d.]+pt\"| version=\"1.1\"| xmlns(:xlink)?=\"[^\"]*\"",
        r" font-family: [^;\"]*;",
        r" transform=\"rotate\(-0 [^\"]*\"",
        r"(?<=\n)\s+|\s+(?=\n)",
    )
)


@contextmanager
def drawn(width: int, height: int) -> Iterator[Axes]:
    """Axes to draw on, of so many points; `inline` saves their figure.

    One at a time: matplotlib's settings are those of all threads.
    """
    with _ONE_AT_A_TIME, mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH), layout="constrained")
        yield figure.subplots()


def inline(axes: Axes, *, name: str, label: str) -> str:
    """The figure as an <svg> whose ids begin with `name`, unique in the page; `label` says what it shows."""
    buffer = io.StringIO()
    axes.get_figure(root=True).savefig(  # type: ignore[union-attr]
        buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    text = _with_ids(text, name)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    for left_out in _LEFT_OUT:
        text = left_out.sub("", text)
    titled = f'<svg role="img" aria-label="{html.escape(label)}"'
    return text.replace("<svg", titled, 1)


def _with_ids(text: str, name: str) -> str:
    """Ids that nothing refers to are dropped; the others get the figure's name."""
    wanted = set(re.findall(r"""(?:href="#|url\(#)([^")]+)""", text))
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in wanted else "", text)
    return re.sub(r"""(href="#|url\(#)""", rf"\g<1>{name}-", text)
