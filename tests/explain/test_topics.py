from __future__ import annotations

from dataclasses import replace

from userprofile.explain.topics import CODES, FEATURE, RULES, TOPICS, rule_code, topic_of, topics_of, window_days
from userprofile.features.catalogue import catalogue, dense_names
from userprofile.heads.every import HEADS
from userprofile.heads.head import LadderSettings

NUMBERS = dense_names(catalogue(timezone="UTC"))


def test_every_number_of_the_catalogue_has_a_topic_and_every_topic_a_number() -> None:
    of_numbers = {topic_of(name).code for name in NUMBERS}
    assert of_numbers == {topic.code for topic in TOPICS}


def test_a_topic_shows_numbers_of_its_own() -> None:
    for topic in TOPICS:
        shown = [name for name in NUMBERS if window_days(name, topic.value) is not None]
        assert shown, topic.code
        assert {topic_of(name).code for name in shown} == {topic.code}
        assert not topic.usual or topic.usual in NUMBERS


def test_a_feature_of_ones_own_is_a_topic_by_itself() -> None:
    topics, sums = topics_of(["mine", "orders_7d", "orders_all", "yours"])
    assert [topic.code for topic in topics] == [FEATURE, "orders", FEATURE]
    assert sums.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_every_rule_of_a_ladder_has_a_code(spec) -> None:
    every = replace(spec, heads={**spec.heads, "window_actions": (0, 4), "window_items": (5, 6)})
    settings = LadderSettings(tuple(NUMBERS), seed=1)
    ladders = {name for head in HEADS.values() for name in head.ladder(every, settings)}
    assert ladders - {"lightgbm"} == set(RULES)
    assert {rule_code(name) for name in RULES} <= set(CODES)
