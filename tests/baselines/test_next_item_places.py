"""Places are counted as a loop counts them, and a mixture is as likely as any other of the same parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import softmax

from userprofile.baselines import next_item_places
from userprofile.baselines.item_histories import ItemHistories
from userprofile.baselines.mixture import mixture_weights, ranking_weights
from userprofile.baselines.next_item import RULES, Popularity
from userprofile.baselines.next_item_places import (
    Forecast,
    NetworkStates,
    fitted_temperature,
    fitted_weights,
    places_of,
)

ITEMS = 6
LOG = [[0, 1, 2], [1, 2], [5, 0, 1], [3, 4, 3, 1], [2], [4, 4, 0]]


def histories(log: list[list[int]]) -> ItemHistories:
    return ItemHistories(np.concatenate(log), np.cumsum([0, *map(len, log)]))


@given(
    arrays(np.float64, (4, 3), elements=st.sampled_from([0.0, 0.2, 0.5])),
    st.lists(st.integers(-1, 2), min_size=4, max_size=4),
)
def test_a_place_is_the_number_of_others_that_stand_as_high(scores: np.ndarray, target: list[int]) -> None:
    for place, row, wanted in zip(places_of(scores, np.array(target)), scores, target, strict=True):
        others = [score for item, score in enumerate(row) if item != wanted]
        assert place == (sum(score >= row[wanted] for score in others) if wanted >= 0 else 3)


@given(st.integers(0, 1000))
def test_no_other_weights_are_likelier(seed: int) -> None:
    likelihoods = np.random.default_rng(seed).dirichlet([0.3] * 3, 40)
    likelihoods[0] = 0  # foreseen by none
    weights = mixture_weights(likelihoods)
    assert weights.sum() == pytest.approx(1)

    def loss(logits: np.ndarray) -> float:
        return -float(np.log(likelihoods[1:] @ softmax(logits)).sum())

    best = min(minimize(loss, start).fun for start in np.random.default_rng(seed).normal(size=(3, 3)))
    assert -np.log(likelihoods[1:] @ weights).sum() <= best + 1e-3


def ndcg_by_hand(scores: np.ndarray, weights: np.ndarray) -> float:
    gains = []
    for row in scores:
        mixed = [sum(weight * one for weight, one in zip(weights, candidate, strict=True)) for candidate in row]
        place = sum(other >= mixed[0] for other in mixed[1:])
        gains.append(1 / np.log2(2 + place) if place < 10 else 0)
    return float(np.mean(gains))


def test_weights_of_the_best_order_leave_no_better_one_near() -> None:
    chance = np.random.default_rng(4)
    scores = chance.exponential(size=(80, 30, 3))
    scores[:, 0] += [1.0, 0.5, 0.0]  # the first tells most, the last nothing
    start = np.full(3, 1 / 3)
    weights = ranking_weights(scores, start)
    assert weights.sum() == pytest.approx(1)
    assert ndcg_by_hand(scores, weights) > ndcg_by_hand(scores, start)
    for place in range(3):
        for factor in (0.5, 2.0):
            near = weights * np.where(np.arange(3) == place, factor, 1)
            assert ndcg_by_hand(scores, near / near.sum()) <= ndcg_by_hand(scores, weights) + 1e-4


def test_a_model_that_knows_what_comes_gets_the_order_right() -> None:
    asked, target = forecast(only_new=True), np.array([3, 0, -1, 5, 0, 1])
    states = np.zeros((len(LOG), ITEMS))
    states[np.arange(len(LOG)), np.maximum(target, 0)] = 9
    knowing = replace(asked, network=NetworkStates(states, np.eye(ITEMS), np.zeros(ITEMS)))
    weights = fitted_weights(knowing, target)
    places = knowing.places(target, weights)["mixture"]
    assert places.tolist() == [0, 0, ITEMS, 0, 0, 0]


def test_weights_are_equal_where_nothing_was_foreseen() -> None:
    assert mixture_weights(np.zeros((5, 4))).tolist() == [0.25] * 4
    assert mixture_weights(np.zeros((0, 2))).tolist() == [0.5, 0.5]


def forecast(*, only_new: bool) -> Forecast:
    chance, train = np.random.default_rng(1), histories(LOG)
    network = NetworkStates(
        chance.normal(size=(len(LOG), 3)), chance.normal(size=(ITEMS, 3)), chance.normal(size=ITEMS)
    )
    rules = {name: rule.fit(train, ITEMS) for name, rule in RULES.items()}
    return Forecast(rules, Popularity.fit(train, ITEMS), network, train, only_new)


@pytest.mark.parametrize("only_new", [True, False])
def test_distributions_leave_out_what_was_had_where_only_new_items_count(only_new: bool) -> None:
    ((users, models),) = forecast(only_new=only_new).parts()
    assert users == slice(0, len(LOG))
    assert set(models) == {*RULES, "network"}
    states = forecast(only_new=only_new).network
    for row, had in enumerate(LOG):
        scores = np.exp(states.states[row] @ states.vectors.T + states.bias)
        kept = np.array([not (only_new and item in had) for item in range(ITEMS)])
        np.testing.assert_allclose(models["network"][row], scores * kept / (scores * kept).sum(), atol=1e-5)
        for shares in models.values():
            assert not shares[row][~kept].any()
            assert shares[row].sum() == pytest.approx(1)


def test_a_temperature_undoes_a_scale() -> None:
    """Items are drawn from a network's softmax; one whose scores are all doubled is found out."""
    chance, users = np.random.default_rng(2), 4000
    states, vectors, bias = chance.normal(size=(users, 3)), chance.normal(size=(ITEMS, 3)), np.zeros(ITEMS)
    shares = softmax(states @ vectors.T, axis=1)
    target = np.array([chance.choice(ITEMS, p=row) for row in shares])
    nothing = histories([[-1]] * users)
    doubled = NetworkStates(2 * states, vectors, bias)
    asked = Forecast({}, Popularity.fit(histories(LOG), ITEMS), doubled, nothing, only_new=True)
    assert fitted_temperature(asked, target) == pytest.approx(2, rel=0.1)
    np.testing.assert_allclose(
        next(asked.tempered(2.0).parts())[1]["network"], shares[: 10_000_000 // ITEMS], atol=1e-6
    )


def test_users_at_a_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    target = np.array([3, 0, -1, 2, 5, 1])
    whole = forecast(only_new=True)
    weights = fitted_weights(whole, target)
    places = whole.places(target, weights)
    monkeypatch.setattr(next_item_places, "_NUMBERS", 2 * ITEMS)
    np.testing.assert_allclose(fitted_weights(whole, target), weights, atol=1e-6)
    for name, of_whole in places.items():
        np.testing.assert_array_equal(whole.places(target, weights)[name], of_whole)
    assert places["mixture"][2] == ITEMS


def test_behind_a_rule_stands_popularity_but_no_item_that_was_had() -> None:
    """To a Markov chain items 2, 4 and 5 are the same after the last one; 0 and 1, the most popular, were had."""
    log = [[0, 1] * 4] * 10 + [[2, 3]] * 2 + [[4, 5]]
    train, asked = histories(log), histories([[0, 1, 5]])
    network = NetworkStates(np.zeros((1, 1)), np.zeros((ITEMS, 1)), np.zeros(ITEMS))
    rules = {name: RULES[name].fit(train, ITEMS) for name in ("markov", "last_seen")}
    places = Forecast(rules, Popularity.fit(train, ITEMS), network, asked, True).places(
        np.array([2]), np.array([1.0, 0, 0])
    )
    assert {name: place.tolist() for name, place in places.items()} == {
        "mixture": [1], "markov": [1], "last_seen": [1], "network": [1],
    }  # fmt: skip


def test_popularity_orders_equal_followers_of_a_great_catalogue() -> None:
    """Item 0 was followed once by each of a thousand others, which were seen more or less often elsewhere."""
    items, chance = 1001, np.random.default_rng(3)
    log = [[0, item] for item in range(1, items)] + [[item] for item in chance.integers(1, items, 20_000)]
    train, asked = histories(log), histories([[0]])
    popularity = Popularity.fit(train, items)
    network = NetworkStates(np.zeros((1, 1)), np.zeros((items, 1)), np.zeros(items))
    of_markov = Forecast({"markov": RULES["markov"].fit(train, items)}, popularity, network, asked, only_new=True)
    target = int(np.argsort(-popularity.shares[1:], kind="stable")[500]) + 1
    higher = int((popularity.shares[1:] >= popularity.shares[target]).sum()) - 1
    assert of_markov.places(np.array([target]), np.array([1.0, 0.0]))["markov"].tolist() == [higher]
