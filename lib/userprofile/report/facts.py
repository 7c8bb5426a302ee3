"""What a card tells of a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from userprofile.report.words import money


@dataclass(frozen=True)
class Facts:
    """All that a card tells of one user, as saved tables hold it."""

    source: str
    profile: Mapping[str, Any]  # a row of gold.user_profiles
    features: Mapping[str, Any]  # a row of gold.user_features
    months: pl.DataFrame  # (month, a count of each action), every month from the first to the last
    events: pl.DataFrame  # the last ones, latest first: (at, action, title, category, amount, query), at as text
    sequence: pl.DataFrame  # the last ones, oldest first: (action, category, price_band, gap_days, age_days, item)
    titles: Mapping[str, str]  # of items, by id
    ranks: Mapping[str, float]  # of scores, by column: the share of all users who have less
    minor_units: int
    horizon_days: int
    changes: Mapping[str, Any] | None = None  # a row of gold.profile_changes; None without profiles before

    @property
    def as_of(self) -> date:
        """The date that the card speaks of."""
        return self.profile["as_of_date"]

    def amount(self, minor: int | None) -> str:
        """With the currency."""
        currency = self.profile["currency"] or ""
        return "not known" if minor is None else f"{money(minor, self.minor_units)} {currency}".strip()
