"""A user at a glance, for whoever serves, sells or writes to them: one page with everything inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from userprofile.columns import ACTIONS
from userprofile.report.card_scores import moves, score_rows, unknown
from userprofile.report.card_words import due_words, in_numbers, summary
from userprofile.report.consent import COVERS, Purpose, granted, withheld
from userprofile.report.facts import Facts
from userprofile.report.month_plots import stacked_months
from userprofile.report.page import template_of
from userprofile.report.plots import Plot, bars
from userprofile.report.sequence_plot import sequence_plot
from userprofile.report.words import words

LIKES_SHOWN, ITEMS_SHOWN, MONTHS = 8, 8, 24


def card_page(facts: Facts) -> str:
    """HTML with everything inside it. A part whose purpose the user has not granted is not there, and says so."""
    purposes = granted(facts.profile["consent"])
    return template_of("card.html", amount=facts.amount).render(
        facts=facts,
        profile=facts.profile,
        summary=summary(facts, purposes),
        timeline=_timeline(facts),
        events=facts.events.to_dicts(),
        numbers=in_numbers(facts),
        profiling=_profiling(facts) if Purpose.PROFILING in purposes else None,
        personal=_personal(facts) if Purpose.PERSONALISATION in purposes else None,
        due=due_words(facts.features["due_next"]) if Purpose.MARKETING in purposes else None,
        withheld={purpose.value: withheld(purpose) for purpose in Purpose},
        consent=[(purpose.value, covers, purpose in purposes) for purpose, covers in COVERS.items()],
    )


def _timeline(facts: Facts) -> list[Plot]:
    months = facts.months.sort("month").tail(MONTHS)
    if months.is_empty():
        return []
    counts = {words(act): months[act].to_list() for act in ACTIONS if months[act].sum()}
    return [stacked_months("timeline", "Events a month", months["month"].to_list(), counts)]


def _profiling(facts: Facts) -> dict[str, Any]:
    profile = facts.profile
    return {
        "scores": score_rows(profile, facts.ranks, facts.amount, facts.horizon_days),
        "unknown": unknown(profile, facts.horizon_days),
        "missing": profile["scores_missing_because"],
        "changes": facts.changes,
        "moves": moves((facts.changes or {}).get("scores_moved", []), facts.amount, facts.horizon_days),
        "sequence": sequence_plot(facts.sequence) if facts.sequence.height else None,
        "next_action": _named_bars("next-action", "What comes first, if anything", profile["next_action"]),
    }


def _personal(facts: Facts) -> dict[str, Any]:
    profile = facts.profile
    prices = f"Price bands, {profile['currency'] or ''}".removesuffix(", ")
    levels = (
        ("category_1_affinity", "Broad"),
        ("category_2_affinity", "In detail"),
        ("brand_affinity", "Brands"),
        ("price_band_affinity", prices),
    )
    plots = [_named_bars(name, title, profile[name], "Share of interest") for name, title in levels]
    plots.append(_named_bars("next-categories", "Likely to buy in", profile["next_categories"]))
    return {
        "plots": [plot for plot in plots if plot],
        "picks": [
            {"title": title, "names": _items(facts, profile[column])}
            for column, title in (("next_item", "Likely to buy first"), ("window_items", "Likely to look at or buy"))
            if profile[column]
        ],
        "queries": [one["name"] for one in facts.features["top_queries"] or []],
        "wishes": facts.features["favourites_open"],
    }


def _items(facts: Facts, scored: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Ids and titles, likeliest first."""
    return [(one["name"], facts.titles.get(one["name"]) or one["name"]) for one in scored[:ITEMS_SHOWN]]


def _named_bars(
    name: str, title: str, scored: Sequence[Mapping[str, Any]] | None, unit: str = "Probability"
) -> Plot | None:
    if not scored:
        return None
    values = {
        words(one["name"]) if unit == "Probability" else one["name"]: one["score"] for one in scored[:LIKES_SHOWN]
    }
    return bars(name.replace("_", "-"), title, values, unit=unit, shares=True)
