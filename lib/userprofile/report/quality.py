"""How good each score is beside simpler models, and whether it tells the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from userprofile.report.missing import why_not_learnt
from userprofile.report.plots import Plot
from userprofile.report.score_plots import Measured, Spread, calibration, measures, spread_plot
from userprofile.report.section import Section
from userprofile.report.words import figure, words

NAME, TITLE = "scores", "How good the scores are"

# What a measure is, in words.
MEASURES = {
    "auc": "0.5 is guessing, 1 tells all apart.",
    "ndcg@10": "1 is the right ones first, of ten.",
    "mae": "How far off it is on average.",
    "log_loss": "How surprised it is by what came.",
}
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
    "risk": "fraud, a chargeback or abuse by the user within {horizon}",
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
    """`how` says the rows judged on, the scores that the model serves, and why others are missing."""
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
    several = [score for score in scores if len(score["plots"]) > 1]
    single = [score for score in scores if len(score["plots"]) <= 1]
    unknown = [
        (words(name).capitalize(), why_not_learnt(name, how["missing_because"]))
        for name in MEANINGS
        if name not in how["serves"]
    ]
    how = {**how, "with_intervals": any(model.low is not None for one in judged for model in one.models)}
    return Section(NAME, TITLE, {"several": several, "single": single, "unknown": unknown, "how": how})


def verdict(one: Judged) -> str:
    """What serves it, beside the best of the others and the simplest; models are listed from the simplest up."""
    serving = next((model for model in one.models if model.model == one.serves), None)
    if serving is None:
        return f"{words(one.measure)} is undefined on so few test users"
    others = [model for model in one.models if model is not serving]
    ladder = [model for model in others if model.model != "network"]
    said = [f"{words(one.measure)} {serving.told}"]
    if others:
        best = max(others, key=lambda model: model.value if one.larger_is_better else -model.value)
        said.append(f"the best other, {words(best.model)}, reaches {figure(best.value)}")
    if ladder and ladder[0] is not best:
        said.append(f"the simplest, {words(ladder[0].model)}, {figure(ladder[0].value)}")
    return "; ".join(said)


def _plots(one: Judged, spreads: Sequence[Spread]) -> list[Plot]:
    title = f"{words(one.score).capitalize()} by model"
    if not one.models:
        return []
    plots = [
        measures(
            f"measure-{one.score}", title, one.models, serves=one.serves, unit=one.measure,
            larger_is_better=one.larger_is_better, says=MEASURES.get(one.measure.partition(",")[0], ""),
        )
    ]  # fmt: skip
    if one.curve:
        plots.append(calibration(f"curve-{one.score}", f"{words(one.score).capitalize()}: is it true?", one.curve))
    return plots + [spread_plot(spread) for spread in spreads if spread.score == one.score]
