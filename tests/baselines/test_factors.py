"""Alternating least squares, twice: by the package and by a loop over users and items of the paper's equations."""

from __future__ import annotations

import numpy as np
import pytest

from userprofile.baselines import factors
from userprofile.baselines.factors import CONFIDENCE, RIDGE, ImplicitFactors
from userprofile.baselines.item_histories import ItemHistories

ITEMS, USERS, WIDTH = 9, 14, 3


def histories(log: list[list[int]]) -> ItemHistories:
    return ItemHistories(np.concatenate(log).astype(int), np.cumsum([0, *map(len, log)]))


def two_tastes() -> list[list[int]]:
    """Users of items 0 to 3, and of items 4 to 7; 8 is nobody's."""
    chance = np.random.default_rng(3)
    return [(chance.integers(0, 4, 6) + 4 * (user % 2)).tolist() for user in range(USERS)]


def solved(counts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Equation 4 of the paper of one user, or of one item."""
    confidence = np.diag(1 + CONFIDENCE * counts)
    preference = (counts > 0).astype(float)
    left = others.T @ confidence @ others + RIDGE * np.eye(others.shape[1])
    return np.linalg.solve(left, others.T @ confidence @ preference)


def counted(log: list[list[int]]) -> np.ndarray:
    return np.array([[user.count(item) for item in range(ITEMS)] for user in log], float)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that a loop goes through, and a ridge that leaves something of so few users."""
    monkeypatch.setattr(factors, "FACTORS", WIDTH)
    monkeypatch.setattr(factors, "ROUNDS", 4)


@pytest.mark.usefixtures("small")
def test_items_are_those_of_a_loop_that_begins_alike() -> None:
    counts = counted(two_tastes())
    chance = np.random.default_rng(factors.SEED)
    chance.random((USERS, WIDTH), dtype=np.float32)
    items = chance.random((ITEMS, WIDTH), dtype=np.float32).astype(float) * 0.01
    for _ in range(factors.ROUNDS):
        users = np.array([solved(row, items) for row in counts])
        items = np.array([solved(column, users) for column in counts.T])
    np.testing.assert_allclose(ImplicitFactors.fit(histories(two_tastes()), ITEMS).items, items, atol=1e-4)


def test_a_user_is_folded_in_by_the_closed_form() -> None:
    items = np.random.default_rng(5).normal(size=(ITEMS, WIDTH))
    asked = [[0, 0, 3, -1], [8], [], [2, 5, 7]]
    found = ImplicitFactors(items).users(histories(asked))
    np.testing.assert_allclose(found, [solved(row, items) for row in counted(asked)], atol=1e-9)
    scores = np.maximum(found @ items.T, 0)
    expected = scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-30)
    np.testing.assert_allclose(ImplicitFactors(items).distributions(histories(asked)), expected, atol=1e-6)


def test_a_taste_is_told_from_another() -> None:
    rule = ImplicitFactors.fit(histories(two_tastes()), ITEMS)
    of_first, of_second = rule.distributions(histories([[0, 1], [5]]))
    assert of_first[2:4].min() > of_first[4:].max()
    assert of_second[4:8].min() > of_second[:4].max()


def test_the_same_histories_give_the_same_items() -> None:
    one, two = (ImplicitFactors.fit(histories(two_tastes()), ITEMS).items for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_nothing_known_is_nothing_said() -> None:
    rule = ImplicitFactors.fit(histories([[-1], [-1, -1]]), ITEMS)
    assert not rule.distributions(histories([[0], [-1]])).any()
