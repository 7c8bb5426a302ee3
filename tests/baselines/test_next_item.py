"""Rules for the next item equal loops over users and events."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from userprofile.baselines.factors import ImplicitFactors
from userprofile.baselines.item_histories import DECAY_AN_EVENT, ItemHistories
from userprofile.baselines.neighbours import UserNeighbours
from userprofile.baselines.next_item import (
    LONGEST_STEP,
    RULES,
    ItemCosine,
    LastSeen,
    MarkovChain,
    Popularity,
    SequentialRules,
)

ITEMS = 5
logs = st.lists(st.lists(st.integers(-1, ITEMS - 1), min_size=1, max_size=7), min_size=1, max_size=6)
LOOPED = {name: rule for name, rule in RULES.items() if rule not in (UserNeighbours, ImplicitFactors)}


def histories(log: list[list[int]]) -> ItemHistories:
    return ItemHistories(np.concatenate(log), np.cumsum([0, *map(len, log)]))


def shares(weights: Counter[int]) -> np.ndarray:
    row = np.array([weights[item] for item in range(ITEMS)], float)
    return row / row.sum() if row.sum() else row


def decays(user: list[int]) -> list[tuple[int, float]]:
    return [(item, DECAY_AN_EVENT ** (len(user) - 1 - place)) for place, item in enumerate(user) if item >= 0]


def followers(log: list[list[int]], longest: int) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for user in log:
        for place, item in enumerate(user):
            for distance in range(1, longest + 1):
                if place + distance < len(user) and min(item, user[place + distance]) >= 0:
                    found[item, user[place + distance]] += 1 / distance
    return found


def cosine(log: list[list[int]], one: int, other: int) -> float:
    of_one, of_other = ({u for u, user in enumerate(log) if item in user} for item in (one, other))
    return len(of_one & of_other) / (len(of_one) * len(of_other)) ** 0.5 if of_one and of_other else 0.0


@given(logs, logs)
def test_rules_are_what_loops_give(log: list[list[int]], asked: list[list[int]]) -> None:
    train, of_all = histories(log), Counter(item for user in log for item in user if item >= 0)
    found = {name: rule.fit(train, ITEMS).distributions(histories(asked)) for name, rule in LOOPED.items()}
    after_one, after_some = followers(log, 1), followers(log, LONGEST_STEP)
    for row, user in enumerate(asked):
        expected: dict[str, Counter[int]] = {name: Counter() for name in LOOPED}
        for item in range(ITEMS):
            expected["popularity"][item] = of_all[item]
            expected["markov"][item] = after_one[user[-1], item]
            for had, weight in decays(user):
                expected["sequential_rules"][item] += weight * after_some[had, item]
                expected["item_cosine"][item] += weight * cosine(log, had, item) * (had != item)
                expected["last_seen"][item] += weight * (had == item)
        for name, weights in expected.items():
            np.testing.assert_allclose(found[name][row], shares(weights), atol=1e-6, err_msg=name)


def test_every_rule_is_asked_for_by_its_name() -> None:
    assert {*LOOPED.values()} == {Popularity, LastSeen, MarkovChain, SequentialRules, ItemCosine}
    assert {**LOOPED, "user_user": UserNeighbours, "als": ImplicitFactors} == RULES
