"""Values as people read them."""

from __future__ import annotations

from typing import Any


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


def days(number: float) -> str:
    """
    >>> days(1.0), days(0), days(28)
    ('1 day', '0 days', '28 days')
    """
    told = figure(number)
    return f"{told} day" if told == "1" else f"{told} days"


def words(name: str) -> str:
    """A name of the code in words."""
    return name.replace("_", " ")
