"""The ladder of heads that say which of several classes, categories or items, a user turns to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from userprofile.baselines.history_rules import KINDS, HistoryRule
from userprofile.baselines.rung import Fit
from userprofile.baselines.sets import CategoryPopularity, LastSeen, Popularity, UserFrequency


def ladder_of_sets(*, label: str, classes: Sequence[int], sequence: str, of_categories: str) -> dict[str, Fit]:
    """Simplest first. `of_categories` is the column of the categories of `sequence`; empty where there are none."""
    of_classes: dict[str, Any] = {"label": label, "classes": classes}
    own = {**of_classes, "sequence": sequence}
    ladder: dict[str, Fit] = {
        "popularity": partial(Popularity.fit, **of_classes),
        "recent_popularity": partial(Popularity.fit_recent, **of_classes),
        "last_seen": partial(LastSeen.fit, **own),
        "own_counts": partial(UserFrequency.fit, **own),
    }
    if of_categories:
        ladder["category_popularity"] = partial(CategoryPopularity.fit, **own, of_categories=of_categories)
    return ladder | {rule: partial(HistoryRule.fit, rule=rule, **own) for rule in KINDS}
