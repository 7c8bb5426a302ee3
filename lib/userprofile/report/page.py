"""One self-contained HTML page out of rows of saved tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, Template


def page(
    *,
    source: str,
    about: str,
    minor_units: int,
    steps: Sequence[Mapping[str, Any]],
    segments: Mapping[str | None, int],
    profiles: Sequence[Mapping[str, Any]],
    model: Mapping[str, Any] | None,
) -> str:
    """HTML with everything inside it; whatever came from a log is escaped.

    `steps` are rows of ops.runs, `model` one of ops.models, both with `metrics` parsed; `profiles` are rows of
    gold.user_profiles.
    """
    template = template_of("page.html", money=lambda minor: money(minor, minor_units), percent=percent)
    ordered = sorted(segments.items(), key=lambda segment: -segment[1])
    return template.render(source=source, about=about, steps=steps, segments=ordered, profiles=profiles, model=model)


def template_of(name: str, **filters: Callable[..., str]) -> Template:
    """A template of this package, with the filters it needs beside `figure`; values are escaped."""
    environment = Environment(
        loader=PackageLoader("userprofile.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": figure, **filters}
    return environment.get_template(name)


def figure(value: Any) -> str:
    """A number as people read it; "not known" for null."""
    if value is None:
        return "not known"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def money(minor: int | None, minor_units: int) -> str:
    """Minor units as an amount."""
    return "not known" if minor is None else f"{minor / 10**minor_units:,.{minor_units}f}"


def percent(share: float) -> str:
    """A probability as people read it."""
    return f"{100 * share:.1f} %"
