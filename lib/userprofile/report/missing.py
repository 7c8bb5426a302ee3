"""Why a score is not known, of one user or of all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from userprofile.report.words import days

NOT_LEARNT = "the model has not learnt it"
# Of scores that the model gives to others.
_OF_A_USER = {
    "churn": "the user has not bought of late, and so cannot leave",
    "days_to_purchase": "fewer than half of such users buy within {horizon}",
}


def why_not_learnt(score: str, because: str | None) -> str:
    """`because` is scores_missing_because, "score: reason" of each, by "; ".

    >>> why_not_learnt("risk", "spend: nobody spends; at all; risk: nobody tells")
    'nobody tells'
    >>> why_not_learnt("spend", "spend: nobody spends; at all; risk: nobody tells")
    'nobody spends; at all'
    >>> why_not_learnt("churn", None)
    'the model has not learnt it'
    """
    found = re.search(rf"(?:^|; ){score}: (.*?)(?=; \w+: |$)", because or "")
    return found.group(1) if found else NOT_LEARNT


def why_of_user(score: str, profile: Mapping[str, Any], horizon_days: int) -> str:
    """Of a null in a profile that has other scores; the horizon is as long as that."""
    if score in {one["score"] for one in profile["served_by"] or []}:
        return _OF_A_USER.get(score, "the model cannot tell it of this user").format(horizon=days(horizon_days))
    return why_not_learnt(score, profile["scores_missing_because"])
