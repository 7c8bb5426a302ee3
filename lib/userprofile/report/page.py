"""HTML pages with everything inside them, out of the templates of this package."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, Template

from userprofile.report.words import figure, percent, words


def template_of(name: str, **filters: Callable[..., str]) -> Template:
    """A template, with the filters it needs beside `figure`, `percent` and `words`; values are escaped."""
    environment = Environment(
        loader=PackageLoader("userprofile.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": figure, "percent": percent, "words": words, **filters}
    return environment.get_template(name)
