"""Flat arrays hold the histories that lists do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.baselines.item_histories import DECAY_AN_EVENT, ItemHistories

ITEMS = 5
logs = st.lists(st.lists(st.integers(-1, ITEMS - 1), min_size=1, max_size=7), min_size=1, max_size=6)
with_idle = st.lists(st.lists(st.integers(-1, ITEMS - 1), max_size=7), min_size=1, max_size=6)


def histories(log: list[list[int]]) -> ItemHistories:
    return ItemHistories(np.concatenate(log).astype(int), np.cumsum([0, *map(len, log)]))


@given(logs)
def test_the_last_event_is_apart(log: list[list[int]]) -> None:
    before, last = histories(log).without_last()
    assert last.tolist() == [user[-1] for user in log]
    assert [part.tolist() for part in np.split(before.items, before.starts[1:-1])] == [user[:-1] for user in log]


@given(logs, st.data())
def test_some_users_are_taken_in_the_order_asked(log: list[list[int]], data: st.DataObject) -> None:
    users = data.draw(st.lists(st.integers(0, len(log) - 1), min_size=1, max_size=5))
    some = histories(log).of_users(np.array(users))
    assert [part.tolist() for part in np.split(some.items, some.starts[1:-1])] == [log[user] for user in users]


@pytest.mark.parametrize("first", [0, 1])
def test_codes_become_places_in_the_vocabulary_also_of_a_slice(first: int) -> None:
    lists = pa.array([[7, 0], [3, 8, 9], [9]], pa.list_(pa.int32()))[first:]
    places = ItemHistories.of(lists, (9, 3, 7))
    assert [part.tolist() for part in np.split(places.items, places.starts[1:-1])] == [[2, -1], [1, -1, 0], [0]][first:]
    part = places.part(1, 2)
    assert part.items.tolist() == [[1, -1, 0], [0]][first]


@given(with_idle, st.sampled_from([DECAY_AN_EVENT, 1.0]))
def test_matrices_and_last_items_are_those_of_loops_also_of_who_did_nothing(log: list[list[int]], decay: float) -> None:
    found = histories(log)
    assert found.last().tolist() == [user[-1] if user else -1 for user in log]
    counts, weighted = found.counts(ITEMS).toarray(), found.weighted(ITEMS, decay=decay).toarray()
    for row, user in enumerate(log):
        assert counts[row].tolist() == [user.count(item) for item in range(ITEMS)]
        for item in range(ITEMS):
            expected = sum(decay ** (len(user) - 1 - place) for place, had in enumerate(user) if had == item)
            assert weighted[row, item] == pytest.approx(expected)
