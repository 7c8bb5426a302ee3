"""When two values of a feature are the same."""

from __future__ import annotations

from math import isclose
from typing import Any

# Sums of floats in another order, or of one user instead of many, differ in their last bits; a leak differs by more.
RELATIVE_TOLERANCE = 1e-9
# Where they cancel out, rounding is all that is left.
ABSOLUTE_TOLERANCE = 1e-12


def same(one: Any, other: Any) -> bool:
    """Exactly, but for floats, in lists and structs too. Null is the same as null only.

    >>> same([{"name": "tea", "score": 0.3}], [{"name": "tea", "score": 0.1 + 0.2}]), same(0, None)
    (True, False)
    """
    if isinstance(one, float) and isinstance(other, int | float):
        close = isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
        return close or (one != one and other != other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other)
