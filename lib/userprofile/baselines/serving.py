"""Which model serves a score: the head only where it beats the whole ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from userprofile.errors import UserprofileError

LARGER_IS_BETTER = {"auc": True, "correlation": True, "mae": False, "log_loss": False}


@dataclass(frozen=True)
class Served:
    """The model whose score goes into the profile, and why it is that one."""

    model: str
    because: str


def served(validation: Mapping[str, Mapping[str, float]], *, head: str, by: Sequence[str]) -> Served:
    """Of the measures on validation by model, the head's among them.

    The ladder's best is the best by the first of the measures `by`. The head is published where it is better by that
    one and not worse by the others; a tie is no win. Test rows have no say. Raises UserprofileError where there is no
    ladder to beat.
    """
    ladder = [model for model in validation if model != head]
    if not ladder:
        raise UserprofileError(f"nothing stands beside {head}", expected="a ladder of simpler models")

    def gain(model: str, over: str, measure: str) -> float:
        sign = 1 if LARGER_IS_BETTER[measure] else -1
        return sign * (validation[model][measure] - validation[over][measure])

    best = ladder[0]
    for model in ladder[1:]:
        best = model if gain(model, best, by[0]) > 0 else best
    wins = gain(head, best, by[0]) > 0 and all(gain(head, best, measure) >= 0 for measure in by[1:])
    compared = ", ".join(
        f"{measure} {validation[head][measure]:.4f} against {validation[best][measure]:.4f} of {best}" for measure in by
    )
    if wins:
        return Served(head, f"{head} beats the ladder's best on validation: {compared}")
    return Served(best, f"{head} does not beat the ladder's best on validation: {compared}")
