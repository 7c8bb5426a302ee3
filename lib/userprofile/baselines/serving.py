"""Which model serves a score: the head only where it beats the whole ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from userprofile.errors import UserprofileError

LARGER_IS_BETTER = {
    "auc": True,
    "ndcg@10": True,
    "correlation": True,
    "concordance": True,
    "mae": False,
    "log_loss": False,
}


@dataclass(frozen=True)
class Served:
    """The model whose score goes into the profile, and why it is that one."""

    model: str
    because: str


def best_of(validation: Mapping[str, Mapping[str, float]], *, by: str) -> str:
    """The best model by a measure, of several the first. Raises UserprofileError where there are none."""
    if not validation:
        raise UserprofileError("no ladder of simpler models is there to be beaten")
    sign = 1 if LARGER_IS_BETTER[by] else -1
    return max(validation, key=lambda model: sign * validation[model][by])


def served(validation: Mapping[str, Mapping[str, float]], *, head: str, by: Sequence[str]) -> Served:
    """Of the measures on validation by model, the head's among them.

    The ladder's best is the best by the first of the measures `by`. The head is published where it is better by that
    one and not worse by the others; a tie is no win. Test rows have no say. Raises UserprofileError where there is no
    ladder to beat.
    """

    def gain(model: str, over: str, measure: str) -> float:
        sign = 1 if LARGER_IS_BETTER[measure] else -1
        return sign * (validation[model][measure] - validation[over][measure])

    best = best_of({model: measures for model, measures in validation.items() if model != head}, by=by[0])
    wins = gain(head, best, by[0]) > 0 and all(gain(head, best, measure) >= 0 for measure in by[1:])
    compared = ", ".join(
        f"{measure} {validation[head][measure]:.4f} against {validation[best][measure]:.4f} of {best}" for measure in by
    )
    if wins:
        return Served(head, f"{head} beats the ladder's best on validation: {compared}")
    return Served(best, f"{head} does not beat the ladder's best on validation: {compared}")
