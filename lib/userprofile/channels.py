"""What may be read of an event beside its item, category, action and age: a code above 0 each, 0 for none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from userprofile.columns import CATEGORY_LEVELS

# 1970-01-01 was the fourth day of a week.
_THURSDAY = 3


@dataclass(frozen=True)
class Channel:
    """`codes` makes those of events from values of `column` and from their as-of dates as days since 1970-01-01."""

    column: str  # of gold.user_sequences
    codes: Callable[[np.ndarray, np.ndarray], np.ndarray]


def channel_key(name: str) -> str:
    """Of a channel's array in a batch, and of the network's input."""
    return f"sequence_{name}"


def as_they_are(values: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """Of a column of codes."""
    return values


def gap_codes(days: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """1 + the whole binary logarithm of 1 + minutes since the event before: a year is 19 above a second.

    >>> gap_codes(np.array([0.0, 1 / 1440, 1.0]), np.zeros(3)).tolist()
    [1, 2, 11]
    """
    return 1 + np.floor(np.log2(1 + days.astype(np.float64) * 1440)).astype(np.int64)


def hour_codes(age_days: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """1 + the hour, counted back from the midnight that begins the as-of date; before a change of clocks one off.

    >>> hour_codes(np.array([0.25, 1.0, 1.01]), np.zeros(3)).tolist()
    [19, 1, 24]
    """
    return 1 + np.floor((-age_days.astype(np.float64) % 1) * 24).astype(np.int64)


def weekday_codes(age_days: np.ndarray, dates: np.ndarray) -> np.ndarray:
    """1 for Monday to 7 for Sunday, by days that begin at the as-of date's hour.

    >>> weekday_codes(np.array([0.5, 1.0, 1.5]), np.zeros(3, int)).tolist()  # before 1970-01-01, a Thursday
    [3, 3, 2]
    """
    day = dates + np.floor(-age_days.astype(np.float64)).astype(np.int64)
    return 1 + (day + _THURSDAY) % 7


CHANNELS: dict[str, Channel] = {
    **{f"category_{level}": Channel(f"sequence_category_{level}", as_they_are) for level in CATEGORY_LEVELS},
    "brand": Channel("sequence_brand", as_they_are),
    "price_band": Channel("sequence_price_band", as_they_are),
    "gap": Channel("sequence_gap_days", gap_codes),
    "hour": Channel("sequence_age_days", hour_codes),
    "weekday": Channel("sequence_age_days", weekday_codes),
}
