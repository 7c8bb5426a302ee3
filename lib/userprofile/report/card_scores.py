"""The scores of one user, each with what serves it, how it compares, and its reasons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from userprofile.report.missing import why_of_user
from userprofile.report.words import days, percent, words
from userprofile.schemas.scores import NUMBERS

REASONS_SHOWN = 3
_TITLES = {
    "purchase": "Buys within {horizon}",
    "churn": "Leaves: buys nothing within {horizon}",
    "spend": "Expected to spend within {horizon}",
    "days_to_purchase": "Half of such users buy within",
    "risk": "Fraud, a chargeback or abuse within {horizon}",
}


@dataclass(frozen=True)
class ScoreRow:
    """`share` is 0 to 1 of a probability, to draw it by."""

    title: str
    value: str
    share: float | None
    more_than: str
    served_by: str
    reasons: list[Mapping[str, Any]]


def score_rows(
    profile: Mapping[str, Any], ranks: Mapping[str, float], amount: Callable[[int | None], str], horizon_days: int
) -> list[ScoreRow]:
    """Those that are one number and that the user has."""
    served = {one["score"]: one["model"] for one in profile["served_by"] or []}
    reasons = profile.get("reasons") or []
    rows = []
    for score, column in NUMBERS.items():
        if (value := profile[column]) is None:
            continue
        probability = column.endswith("_probability")
        rank = f"more than {math.floor(100 * ranks[column])} % of users" if column in ranks else ""
        of_score = [one for one in reasons if one["score"] == score][:REASONS_SHOWN]
        title = _TITLES[score].format(horizon=days(horizon_days))
        told = _told(score, value, amount)
        rows.append(ScoreRow(title, told, value if probability else None, rank, words(served.get(score, "")), of_score))
    return rows


def unknown(profile: Mapping[str, Any], horizon_days: int) -> list[tuple[str, str]]:
    """Of those that the user lacks, the title and why."""
    return [
        (_TITLES[score].format(horizon=days(horizon_days)), why_of_user(score, profile, horizon_days))
        for score, column in NUMBERS.items()
        if profile[column] is None
    ]


def moves(scores: Sequence[Mapping[str, Any]], amount: Callable[[int | None], str], horizon_days: int) -> list[str]:
    """Of rows of `scores_moved`, each score in words with what it was and is."""
    return [
        f"{_TITLES[one['score']].format(horizon=days(horizon_days))}: {_told(one['score'], one['before'], amount)}"
        f" → {_told(one['score'], one['now'], amount)}"
        for one in scores
    ]


def _told(score: str, value: float, amount: Callable[[int | None], str]) -> str:
    if NUMBERS[score].endswith("_probability"):
        return percent(value)
    return amount(round(value)) if score == "spend" else days(value)
