"""A score of one user in full, by every method; a planted cause is found by all of them."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pyarrow as pa
import pytest
from lightgbm import Booster
from shap import TreeExplainer

from userprofile.baselines.boosting import BoostedTrees
from userprofile.errors import UsageError
from userprofile.explain.coalitions import Coalitions, Player
from userprofile.explain.explanation import OWN, explained
from userprofile.explain.methods import lime_parts, shap_parts
from userprofile.explain.reasons import Reasoner
from userprofile.numbers import dense_values

WEIGHTS = np.array([3.0, -2.0, 0.5, 0.0])


def planted(masks: np.ndarray) -> np.ndarray:
    """Linear but for the first two together."""
    return masks @ WEIGHTS + 2.0 * masks[:, 0] * masks[:, 1]


def shapley(players: int) -> np.ndarray:
    """By its definition, coalition by coalition."""
    parts = np.zeros(players)
    for player in range(players):
        others = [other for other in range(players) if other != player]
        for size in range(players):
            for coalition in combinations(others, size):
                mask = np.zeros((2, players))
                mask[:, list(coalition)] = 1
                mask[1, player] = 1
                without, within = planted(mask)
                parts[player] += (
                    factorial(size) * factorial(players - size - 1) / factorial(players) * (within - without)
                )
    return parts


def test_shap_gives_shapley_values() -> None:
    assert shap_parts(planted, 4, seed=1) == pytest.approx(shapley(4), abs=1e-6)


def test_lime_finds_the_order_of_what_is_planted() -> None:
    parts = lime_parts(planted, 4, seed=1)
    assert np.argsort(-np.abs(parts)).tolist()[0] == 0
    assert abs(parts[3]) < 0.1
    assert np.array_equal(parts, lime_parts(planted, 4, seed=1))


@pytest.fixture
def reasoner(scorer, wording) -> Reasoner:
    return Reasoner(scorer, wording)


@pytest.mark.parametrize("score", ["purchase", "spend", "days_to_purchase", "next_categories"])
@pytest.mark.parametrize("method", [OWN, "shap"])
def test_parts_add_up(reasoner, users, score, method) -> None:
    found = explained(reasoner, users.slice(7, 1), score, method=method)
    assert found.gap is not None
    assert found.gap <= 0.01
    assert found.parts["share"].sum() == pytest.approx(1)
    assert found.parts["part"].abs().is_sorted(descending=True)
    assert all(found.parts["text"])


def test_parts_of_trees_are_those_of_the_library_of_their_authors(trees, users) -> None:
    (booster, *_) = (Booster(model_str=text) for text in trees.models)
    numbers = np.stack([dense_values(users[name]) for name in trees.features], axis=1)
    expected = TreeExplainer(booster).shap_values(numbers)
    one = BoostedTrees(trees.features, trees.models[:1])
    assert one.contributions(users)[:, :-1] == pytest.approx(np.asarray(expected), abs=1e-6)


def test_lime_and_a_rule_claim_no_sum(reasoner, users) -> None:
    assert explained(reasoner, users.slice(7, 1), "purchase", method="lime").gap is None
    rule = explained(reasoner, users.slice(7, 1), "churn")
    assert (rule.method, rule.gap) == ("without each topic", None)


def test_a_network_has_a_heat_map_of_events_by_channel(reasoner, users, spec) -> None:
    row = users.slice(7, 1)
    heat = explained(reasoner, row, "spend").heat
    assert heat is not None
    assert heat.shape == (spec.sequence_length, 4)  # item, category, action, age
    there = min(len(row["sequence_action"][0].as_py()), spec.sequence_length)
    assert heat[:there].any(axis=1).all()
    assert not heat[there:].any()
    assert explained(reasoner, row, "purchase").heat is None


def test_players_that_are_not_known_are_usual_numbers_and_no_events(scorer, users) -> None:
    row = users.slice(7, 1)
    category = next(code for code in row["sequence_category_1"][0].as_py() if code)
    players = [Player(("orders_30d", "orders_90d")), Player(category=category)]
    value = Coalitions(scorer, "spend", row, players)
    events = [number for number, code in enumerate(row["sequence_category_1"][0].as_py()) if code != category]
    without = row
    for name in ("sequence_action", "sequence_item", "sequence_category_1", "sequence_age_days"):
        kept = pa.array([[row[name][0].as_py()[number] for number in events]], row.schema.field(name).type)
        without = without.set_column(without.column_names.index(name), name, kept)
    for name in players[0].features:
        usual = pa.array([value.typical[name]])
        without = without.set_column(without.column_names.index(name), name, usual)
    (expected,) = Coalitions(scorer, "spend", without, [])(np.zeros((1, 0)))
    (whole,) = Coalitions(scorer, "spend", row, [])(np.zeros((1, 0)))
    assert value(np.array([[0, 0], [1, 1]])) == pytest.approx([expected, whole], rel=1e-5)
    assert abs(expected - whole) > 1e-3


@pytest.mark.parametrize(
    ("score", "method", "what"),
    [
        ("mood", OWN, "there is no score mood"),
        ("spend", "guess", "there is no method guess"),
        ("next_item", "shap", "served by a rule that has no parts"),
    ],
)
def test_what_cannot_be_explained_says_why(reasoner, users, score, method, what) -> None:
    with pytest.raises(UsageError, match=what):
        explained(reasoner, users.slice(7, 1), score, method=method)


def test_a_score_that_is_not_known_is_refused(reasoner, users) -> None:
    never_bought = users["days_since_purchase"].to_pylist().index(None)
    with pytest.raises(UsageError, match="of this user is not known"):
        explained(reasoner, users.slice(never_bought, 1), "churn")
