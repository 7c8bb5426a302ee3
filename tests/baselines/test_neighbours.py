"""Nearest users are those that a loop over all users finds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.baselines import neighbours
from userprofile.baselines.item_histories import ItemHistories
from userprofile.baselines.neighbours import UserNeighbours, evenly

ITEMS = 6
logs = st.lists(st.lists(st.integers(-1, ITEMS - 1), max_size=6), min_size=1, max_size=8)


def histories(log: list[list[int]]) -> ItemHistories:
    return ItemHistories(np.concatenate(log).astype(int), np.cumsum([0, *map(len, log)]))


def cosine(one: list[int], other: list[int]) -> float:
    left, right = {*one} - {-1}, {*other} - {-1}
    return len(left & right) / (len(left) * len(right)) ** 0.5 if left and right else 0.0


def by_hand(train: list[list[int]], user: list[int], *, nearest: int) -> list[float]:
    near = sorted(train, key=lambda other: -cosine(user, other))[:nearest]
    votes: Counter[int] = Counter()
    for other in near:
        for item in {*other} - {-1}:
            votes[item] += cosine(user, other)  # type: ignore[assignment]
    return [votes[item] / (sum(votes.values()) or 1) for item in range(ITEMS)]


@given(logs, logs)
def test_items_count_the_cosines_of_users_who_had_them(train: list[list[int]], asked: list[list[int]]) -> None:
    found = UserNeighbours.fit(histories(train), ITEMS).distributions(histories(asked))
    expected = [by_hand(train, user, nearest=neighbours.NEAREST) for user in asked]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_only_the_nearest_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [[0, 1, 2, 3], [0, 1], [0, 4], [5]]  # cosines with [0, 1]: 0.71, 1, 0.5, 0
    monkeypatch.setattr(neighbours, "NEAREST", 2)
    found = UserNeighbours.fit(histories(train), ITEMS).distributions(histories([[0, 1], [5]]))
    np.testing.assert_allclose(found, [by_hand(train, user, nearest=2) for user in ([0, 1], [5])], atol=1e-6)
    assert found[0, 4] == 0 < found[0, 2]


def test_users_are_sought_among_at_most_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "SOUGHT_AMONG", 2)
    rule = UserNeighbours.fit(histories([[0], [1], [2]]), ITEMS)
    assert rule.had.toarray().argmax(axis=1).tolist() == [0, 2]
    assert evenly(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert evenly(0, 9).tolist() == []


def test_no_users_ask_for_nothing() -> None:
    rule = UserNeighbours.fit(histories([[0], [1]]), ITEMS)
    assert rule.distributions(histories([[0]]).part(0, 0)).shape == (0, ITEMS)
