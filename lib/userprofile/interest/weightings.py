"""How much each event of a history says about what the user is after. B users, T events.

An event's action is its code + 1; its age falls into one of the buckets that AGE_EDGES_DAYS cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import softmax

from userprofile.columns import ACTIONS
from userprofile.errors import UsageError
from userprofile.interest.vectors import Histories, units

AGE_EDGES_DAYS = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0)
ACTION_ROWS, AGE_BUCKETS = 1 + len(ACTIONS), 1 + len(AGE_EDGES_DAYS)


@dataclass(frozen=True)
class Rule:
    """action weight x 2 ** (-age / half-life), as configured; nothing is learnt."""

    half_life_days: float
    action_weight: Mapping[str, float]  # by action

    def weights(self, histories: Histories) -> np.ndarray:
        """float [B, T], 0 for an event that is not known, as of every weighting."""
        of_action = np.array([0.0, *(self.action_weight[action] for action in ACTIONS)])
        recency = 2.0 ** (-histories.age_days.astype(np.float64) / self.half_life_days)
        return np.where(histories.known, of_action[histories.action] * recency, 0.0)


@dataclass(frozen=True)
class LeastSquares:
    """A weight for each action and bucket of age, [ACTION_ROWS][AGE_BUCKETS]; fitting.fit_least_squares."""

    weight: Sequence[Sequence[float]]

    def weights(self, histories: Histories) -> np.ndarray:
        """float [B, T]."""
        found = np.array(self.weight)[histories.action, age_buckets(histories)]
        return np.where(histories.known, found, 0.0)


@dataclass(frozen=True)
class Attention:
    """A softmax over a user's known events, of action + age + context x likeness; fitting.fit_attention.

    `action` [ACTION_ROWS] and `age` [AGE_BUCKETS] are added, and the likeness of an event to the rest of the history is
    the dot product of its vector with the mean of all, to length 1. All 0 is the plain mean.
    """

    action: Sequence[float]
    age: Sequence[float]
    context: float

    def weights(self, histories: Histories) -> np.ndarray:
        """float [B, T], a row sums to 1."""
        scores = np.array(self.action)[histories.action] + np.array(self.age)[age_buckets(histories)]
        return softmax_over_known(scores + self.context * likeness(histories), histories.known)


def age_buckets(histories: Histories) -> np.ndarray:
    """int [B, T]."""
    return np.digitize(histories.age_days, AGE_EDGES_DAYS)


def likeness(histories: Histories) -> np.ndarray:
    """float32 [B, T]: of each event to its user's mean, length 1; 0 for one that is not known."""
    means = units(histories.vectors.sum(axis=1))  # [B, W]
    return np.einsum("btw,bw->bt", histories.vectors, means)


def softmax_over_known(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[B, T], rows sum to 1; all 0 where nothing is known."""
    kept = np.where(known, scores, -np.inf)
    kept[~known.any(axis=1)] = 0.0
    return np.where(known, softmax(kept, axis=1), 0.0)


Weighting = Rule | LeastSquares | Attention
WEIGHTINGS: dict[str, type[Weighting]] = {"rule": Rule, "least_squares": LeastSquares, "attention": Attention}


def name_of(weighting: Weighting) -> str:
    """rule, least_squares or attention."""
    return next(name for name, kind in WEIGHTINGS.items() if isinstance(weighting, kind))


def stored(weighting: Weighting) -> dict[str, Any]:
    """Numbers by name, beside what kind it is."""
    return {"weighting": name_of(weighting), "numbers": asdict(weighting)}


def restored(fields: Mapping[str, Any]) -> Weighting:
    """What was `stored`. Raises UsageError where it is something else."""
    try:
        return WEIGHTINGS[fields["weighting"]](**fields["numbers"])
    except (KeyError, TypeError) as reason:
        raise UsageError(
            "interest.json does not say how events are weighed",
            expected=f"one of {', '.join(WEIGHTINGS)}, with its numbers",
            received=str(reason),
            fix="make train_model",
        ) from reason
