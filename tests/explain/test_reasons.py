"""Reasons by a slow twin, one user, score and topic at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from userprofile.baselines.boosting import BoostedTrees
from userprofile.explain.evidence import CATEGORIES
from userprofile.explain.network import FEW, NetworkAttribution
from userprofile.explain.reasons import KEPT, Reasoner, cached_reasoner
from userprofile.explain.topics import topic_of
from userprofile.feed.examples import to_batch
from userprofile.heads.every import HEADS
from userprofile.heads.serving import NETWORK
from userprofile.inference import score as scoring
from userprofile.schemas.scores import REASONS, SCORES


@pytest.fixture
def scores(scorer, users) -> pa.Table:
    return scorer.score(users)


@pytest.fixture
def reasons(scorer, users, scores, wording) -> list[list[dict[str, Any]]]:
    found = Reasoner(scorer, wording).with_reasons(users, scores)
    assert found.schema == SCORES
    return found["reasons"].to_pylist()


def of_score(reasons: list[dict[str, Any]], score: str) -> list[dict[str, Any]]:
    return [reason for reason in reasons if reason["score"] == score]


def sums_by_topic(features: Any, parts: np.ndarray) -> dict[tuple[str, str | None], float]:
    sums: dict[tuple[str, str | None], float] = {}
    for name, part in zip(features, parts, strict=True):
        topic = topic_of(name)
        key = (topic.code, name if topic.code == "feature" else None)
        sums[key] = sums.get(key, 0.0) + float(part)
    return sums


def check(reasons: list[dict[str, Any]], sums: dict[tuple[str, str | None], float]) -> None:
    total = sum(map(abs, sums.values()))
    expected = sorted(((abs(part), key) for key, part in sums.items() if part), reverse=True)[:KEPT]
    assert len(reasons) == len(expected)
    for reason, (size, key) in zip(reasons, expected, strict=True):
        assert reason["share"] == pytest.approx(size / total, rel=1e-3)
        assert (reason["code"], reason["name"]) == key
        assert reason["direction"] == ("raises" if sums[key] > 0 else "lowers")
        assert 0 < reason["share"] <= 1
        assert reason["text"]


def test_those_of_trees_are_their_shapley_values_by_topic(reasons, trees, users) -> None:
    for row, parts in enumerate(trees.contributions(users)[:, :-1]):
        check(of_score(reasons[row], "purchase"), sums_by_topic(trees.features, parts))


def test_shapley_values_add_up_to_what_trees_say(trees, users) -> None:
    assert trees.contributions(users).sum(axis=1) == pytest.approx(trees.margins(users), abs=1e-6)
    one = BoostedTrees(trees.features, trees.models[:1])
    assert expit(one.margins(users)) == pytest.approx(one.predict(users), abs=1e-6)


def test_those_of_the_network_are_parts_of_numbers_categories_and_the_habit(
    reasons, scorer, users, spec, scores
) -> None:
    batch = to_batch(users, spec)
    names = [name for name, one in scorer.serving.heads.items() if one.model == NETWORK]
    attributions = NetworkAttribution(scorer.network, names).attributions(batch, steps=FEW)
    codes = (None, None, *spec.category_vocabulary)
    for name, found in attributions.items():
        for row in range(users.num_rows):
            sums = sums_by_topic(spec.dense_names, found.dense[row])
            events: dict[int, float] = {}
            bought: set[int] = set()
            for place, category in enumerate(batch["sequence_category"][row]):
                if category >= 2:
                    events[category] = events.get(category, 0.0) + float(found.events[row, place].sum())
                    bought |= {category} if batch["sequence_action"][row, place] == 5 else set()
            told = sorted(events, key=lambda category: -abs(events[category]))[:CATEGORIES]
            if (batch["sequence_category"][row] < 2)[batch["sequence_action"][row] > 0].any():
                sums["other_events", None] = float(found.events[row].sum()) - sum(events[one] for one in told)
            for category, part in events.items():
                word = scorer.words["category"][codes[category]]
                sums["category_bought" if category in bought else "category_met", word] = part
            if found.met.any() and name == "next_categories":
                sums["habit", scores["next_categories"][row].as_py()[0]["name"]] = float(found.habit[row])
            if scores[HEADS[name].column][row].is_valid:
                check(of_score(reasons[row], name), sums)


def test_a_rule_over_numbers_is_explained_by_what_changes_without_them(reasons, users) -> None:
    days = users["days_since_purchase"].to_pylist()
    for row, of_user in enumerate(reasons):
        found = of_score(of_user, "churn")
        if days[row] is None:
            assert not found  # who never bought cannot leave
        elif found:
            assert [reason["code"] for reason in found] == ["purchase_recency"]
            assert (found[0]["value"], found[0]["share"]) == (days[row], 1)
    assert any(of_score(of_user, "churn") for of_user in reasons)


def test_a_rule_without_numbers_is_told_by_its_name(reasons, scores) -> None:
    for row, of_user in enumerate(reasons):
        (action,), (item,) = of_score(of_user, "next_action"), of_score(of_user, "next_item")
        assert (action["code"], action["text"]) == ("rule_base_rate", "as everyone")
        assert item["text"] == f"{scores['next_item'][row].as_py()[0]['name']} is popular with everyone"


def test_the_window_shown_is_the_one_that_says_most(reasons, trees, users) -> None:
    place = {name: number for number, name in enumerate(trees.features)}
    for row, parts in enumerate(trees.contributions(users)[:, :-1]):
        for reason in of_score(reasons[row], "purchase"):
            if reason["code"] == "orders":
                sign = 1 if reason["direction"] == "raises" else -1
                days = max((30, 90), key=lambda days: sign * parts[place[f"orders_{days}d"]])
                assert reason["window_days"] == days
                assert reason["value"] == users[f"orders_{days}d"][row].as_py()


def test_a_score_that_is_not_known_has_no_reasons(scorer, users, scores, wording) -> None:
    place = scores.column_names.index("expected_spend")
    null = pa.nulls(scores.num_rows, pa.int64())
    reasons = Reasoner(scorer, wording).with_reasons(users, scores.set_column(place, SCORES.field(place), null))
    assert not any(of_score(of_user, "spend") for of_user in reasons["reasons"].to_pylist())


def test_parts_do_not_show(scorer, users, scores, wording, reasons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 7)
    found = Reasoner(scorer, wording).with_reasons(users, scores)["reasons"].to_pylist()
    assert [[reason["text"] for reason in of_user] for of_user in found] == [
        [reason["text"] for reason in of_user] for of_user in reasons
    ]


def test_nobody_has_no_reasons(scorer, users, scores, wording) -> None:
    found = Reasoner(scorer, wording).with_reasons(users.slice(0, 0), scores.slice(0, 0))
    assert found["reasons"].type == REASONS.type
    assert not found.num_rows


def test_a_scorer_is_cut_once(scorer, wording) -> None:
    assert cached_reasoner(scorer, wording) is cached_reasoner(scorer, wording)
