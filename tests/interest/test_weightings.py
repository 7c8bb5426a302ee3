from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from userprofile.columns import ACTIONS
from userprofile.errors import UsageError
from userprofile.interest.weightings import (
    ACTION_ROWS,
    AGE_BUCKETS,
    AGE_EDGES_DAYS,
    Attention,
    LeastSquares,
    Rule,
    Weighting,
    name_of,
    restored,
    stored,
)

CHANCE = np.random.default_rng(6)
RULE = Rule(20.0, {action: float(place) for place, action in enumerate(ACTIONS)})
LEAST_SQUARES = LeastSquares(CHANCE.normal(size=(ACTION_ROWS, AGE_BUCKETS)).tolist())
ATTENTION = Attention(CHANCE.normal(size=ACTION_ROWS).tolist(), CHANCE.normal(size=AGE_BUCKETS).tolist(), 1.5)


def known_events(histories) -> Iterator[tuple[int, int, int, float]]:
    """User, place, action + 1, age."""
    for user, place in zip(*np.nonzero(histories.known), strict=True):
        yield user, place, int(histories.action[user, place]), float(histories.age_days[user, place])


def bucket(age: float) -> int:
    return sum(age >= edge for edge in AGE_EDGES_DAYS)


def test_the_rule_is_action_times_recency(histories) -> None:
    expected = np.zeros(histories.known.shape)
    for user, place, action, age in known_events(histories):
        expected[user, place] = RULE.action_weight[ACTIONS[action - 1]] * 2 ** (-age / 20)
    np.testing.assert_allclose(RULE.weights(histories), expected, rtol=1e-6)


def test_least_squares_look_up_action_and_age(histories) -> None:
    expected = np.zeros(histories.known.shape)
    for user, place, action, age in known_events(histories):
        expected[user, place] = LEAST_SQUARES.weight[action][bucket(age)]
    np.testing.assert_allclose(LEAST_SQUARES.weights(histories), expected)


def test_attention_is_a_softmax_over_the_known_events_of_a_user(histories) -> None:
    expected = np.zeros(histories.known.shape)
    for user, place, action, age in known_events(histories):
        mean = histories.vectors[user].sum(axis=0, dtype=np.float64)
        like = math.fsum(histories.vectors[user, place] * mean) / math.hypot(*mean)
        expected[user, place] = math.exp(ATTENTION.action[action] + ATTENTION.age[bucket(age)] + 1.5 * like)
    expected /= np.maximum(expected.sum(axis=1, keepdims=True), 1e-300)
    found = ATTENTION.weights(histories)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)
    assert not found[-1].any()


def test_attention_without_numbers_is_the_plain_mean(histories) -> None:
    plain = Attention([0.0] * ACTION_ROWS, [0.0] * AGE_BUCKETS, 0.0).weights(histories)
    counts = np.maximum(histories.known.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(plain, histories.known / counts)


@pytest.mark.parametrize("weighting", [RULE, LEAST_SQUARES, ATTENTION], ids=name_of)
def test_a_weighting_is_stored_with_its_kind(weighting: Weighting) -> None:
    fields = stored(weighting)
    assert fields["weighting"] == name_of(weighting)
    assert restored(fields) == weighting


@pytest.mark.parametrize("fields", [{}, {"weighting": "guess", "numbers": {}}, {"weighting": "rule", "numbers": {}}])
def test_what_is_no_weighting_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="does not say how events are weighed"):
        restored(fields)
