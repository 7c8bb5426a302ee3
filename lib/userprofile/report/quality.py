"""How good each score is beside simpler models, and whether it tells the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from userprofile.report.plots import Plot
from userprofile.report.score_plots import Measured, Spread, calibration, measures, spread_plot
from userprofile.report.section import Section
from userprofile.report.words import words

NAME, TITLE = "scores", "How good the scores are"

# What a score says of a user, in words; {horizon} is the label window's length.
MEANINGS = {
    "purchase": "the user buys within {horizon}",
    "churn": "a user who bought of late buys nothing within {horizon}",
    "spend": "the amount that the user spends within {horizon}",
    "days_to_purchase": "the days until the user buys",
    "next_action": "what the user does first",
    "window_actions": "each action, that it comes at all",
    "next_categories": "the categories that the user buys in",
    "next_item": "the item that the user buys first",
    "window_items": "the items that the user meets",
}


@dataclass(frozen=True)
class Judged:
    """A score on rows that no model learnt from: what serves it, and by one measure what every model reached."""

    score: str
    serves: str
    measure: str
    larger_is_better: bool
    models: Sequence[Measured]
    curve: Sequence[Mapping[str, float]] = field(default=())  # of what serves, where it was judged row by row


def quality_section(
    judged: Sequence[Judged], spreads: Sequence[Spread], *, horizon: str, how: Mapping[str, Any]
) -> Section:
    """`how` tells of the model: model_version, examples, trained_at, with_intervals."""
    scores = [
        {
            "name": words(one.score),
            "says": MEANINGS.get(one.score, words(one.score)).format(horizon=horizon),
            "serves": words(one.serves),
            "verdict": verdict(one),
            "plots": _plots(one, spreads),
        }
        for one in judged
    ]
    return Section(NAME, TITLE, {"scores": scores, "how": how})


def verdict(one: Judged) -> str:
    """Beside the simplest and the best of the others."""
    simplest = next((model for model in one.models if model.model != one.serves and model.model != "network"), None)
    serving = next(model for model in one.models if model.model == one.serves)
    if simplest is None:
        return f"{one.measure} {serving.told}"
    return f"{one.measure} {serving.told}, against {simplest.told} of {words(simplest.model)}"


def _plots(one: Judged, spreads: Sequence[Spread]) -> list[Plot]:
    title = f"{words(one.score).capitalize()} by model"
    plots = [
        measures(
            f"measure-{one.score}", title, one.models, serves=one.serves, unit=one.measure,
            larger_is_better=one.larger_is_better,
        )
    ]  # fmt: skip
    if one.curve:
        plots.append(calibration(f"curve-{one.score}", "Is it true? What came by what was said", one.curve))
    return plots + [spread_plot(spread) for spread in spreads if spread.score == one.score]
