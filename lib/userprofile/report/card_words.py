"""A user in a sentence, and what is due in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from userprofile.report.consent import Purpose
from userprofile.report.facts import Facts
from userprofile.report.words import days, figure, percent, words


def summary(facts: Facts, purposes: Collection[Purpose]) -> str:
    """What happened, and, as far as consent goes, what follows."""
    parts = [_history(facts)]
    if Purpose.PROFILING in purposes:
        parts.append(_outlook(facts))
    if Purpose.PERSONALISATION in purposes and (
        liked := facts.profile["category_2_affinity"] or facts.profile["category_1_affinity"]
    ):
        parts.append(f"Likes {', '.join(one['name'].split(' / ')[-1] for one in liked[:3])} best.")
    return " ".join(part for part in parts if part)


def due_words(due: Sequence[Mapping[str, Any]] | None) -> list[tuple[str, str]]:
    """Of each category how far the usual time between purchases has passed.

    >>> due_words([{"name": "Tea", "score": 1.25}, {"name": "Jam", "score": 0.9}])
    [('Tea', 'overdue: 125 % of the usual time has passed'), ('Jam', 'due soon: 90 % of the usual time has passed')]
    """
    return [
        (
            one["name"],
            f"{'overdue' if one['score'] > 1 else 'due soon'}: {100 * one['score']:.0f} % of the usual time has passed",
        )
        for one in due or []
    ]


def in_numbers(facts: Facts) -> list[tuple[str, str]]:
    """What happened so far, name and value; what the log does not know is left out."""
    profile, features = facts.profile, facts.features
    average = features["average_order_value_all"]
    channels = ", ".join(f"{one['name']} {100 * one['score']:.0f} %" for one in (features["channel_shares"] or [])[:3])
    told = {
        "First seen": f"{features['first_seen']:%Y-%m-%d}" if features["first_seen"] else "",
        "Last seen": f"{features['last_seen']:%Y-%m-%d}" if features["last_seen"] else "",
        "Days active": _count(features["active_days_all"]),
        "Visits": _count(features["sessions_all"]),
        "Orders": _count(profile["orders_all"]),
        "Spent": facts.amount(profile["spend_all"]) if profile["spend_all"] is not None else "",
        "An order on average": facts.amount(round(average)) if average is not None else "",
        "Different items": _count(features["distinct_items_all"]),
        "Returns": _count(features["return_count_all"]),
        "Complaints": _count(features["complaint_count_all"]),
        "Rates items": f"{features['rating_mean']:.1f} on average" if features["rating_mean"] is not None else "",
        "Channels": channels,
    }
    return [(name, value) for name, value in told.items() if value]


def _count(value: int | None) -> str:
    return figure(value) if value is not None else ""


def _history(facts: Facts) -> str:
    profile = facts.profile
    known = f"Known for {days(int(profile['tenure_days']))}" if profile["tenure_days"] is not None else "Known"
    if not profile["orders_all"]:
        return f"{known}, has not bought yet; last seen {_ago(profile['days_since_any'])}."
    spent = f" for {facts.amount(profile['spend_all'])}" if profile["spend_all"] is not None else ""
    orders = f"{figure(profile['orders_all'])} order{'s' if profile['orders_all'] != 1 else ''}"
    return f"{known}, {orders}{spent}, the last {_ago(profile['days_since_purchase'])}."


def _outlook(facts: Facts) -> str:
    profile = facts.profile
    said = []
    if profile["purchase_probability"] is not None:
        said.append(f"{percent(profile['purchase_probability'])} sure to buy within {days(facts.horizon_days)}")
    if profile["expected_spend"] is not None:
        said.append(f"expected to spend {facts.amount(profile['expected_spend'])}")
    segment = f"Segment: {words(profile['rfm_segment'])}" if profile["rfm_segment"] else "Without a segment"
    return f"{'; '.join([segment, *said])}."


def _ago(past: float | None) -> str:
    """
    >>> _ago(0.4), _ago(1.2), _ago(15.4), _ago(None)
    ('today', '1 day ago', '15 days ago', 'at an unknown time')
    """
    if past is None:
        return "at an unknown time"
    return "today" if past < 1 else f"{days(int(past))} ago"
