"""Counts of what came true in Spark against loops over users."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from userprofile.pipelines.outcome_counts import of_tagged_values, of_users, of_values
from userprofile.tags.definition import TagFile
from userprofile.tags.judging import Counts

BARE = {"theme": "any", "owner": "crm", "version": 1, "says": "what it says", "rule": "true"}
USERS = [f"u{number}" for number in range(40)]
VALUES = ["a", "b", "it's c", "d"]


@pytest.fixture
def tags(tmp_path: Path):
    each = {"each": "brand", "expects": "buys brand"}
    category = {"each": "category", "expects": "buys nothing in category"}
    rows = [
        {**BARE, "name": "goes", "expects": "buys nothing"},
        {**BARE, "name": "stays", "expects": "buys"},
        {**BARE, "name": "rises", "expects": "spends more than before"},
        {**BARE, "name": "silent"},
        {**BARE, "name": "never", "expects": "buys"},
        {**BARE, "name": "fan of {brand}", **each},
        {**BARE, "name": "left {category}", **category},
    ]
    (tmp_path / "tags.yaml").write_text(yaml.safe_dump(rows))
    return TagFile.read("tags.yaml", tmp_path).tags


def test_tags_of_users_are_counted_as_by_a_loop(spark, tags):
    draw = random.Random(5)
    found = [(user, name) for user in USERS for name in ("goes", "stays", "rises", "silent") if draw.random() < 0.5]
    done = {user: (draw.random() < 0.3, draw.choice([True, False, None])) for user in USERS}
    rows = [(user, buys, not buys, more) for user, (buys, more) in done.items()]
    columns = "user_id string, buys boolean, `buys nothing` boolean, `spends more than before` boolean"
    frames = spark.createDataFrame(found, "user_id string, name string"), spark.createDataFrame(rows, columns)
    counted = {name: (expects, counts) for name, expects, counts in of_users(tags, *frames)}

    came_true = {
        "goes": lambda user: not done[user][0],
        "stays": lambda user: done[user][0],
        "rises": lambda user: done[user][1],
    }
    assert set(counted) == set(came_true)
    for name, came in came_true.items():
        known = [user for user in USERS if came(user) is not None]
        said = [user for user in known if (user, name) in found]
        hits, happened = sum(map(came, said)), sum(map(came, known))
        expected = len(said) * happened / len(known)
        assert counted[name][1] == Counts(len(said), hits, happened, pytest.approx(expected), len(said), hits, hits)


@pytest.mark.parametrize("negated", [False, True])
def test_tags_about_values_are_counted_as_by_a_loop(spark, negated):
    draw = random.Random(9)
    said = [(user, "t", value) for user in USERS for value in VALUES[:3] if draw.random() < 0.4]
    bought = [(user, value) for user in USERS for value in VALUES if draw.random() < 0.3 and value != "b"]
    frames = (
        spark.createDataFrame(said, "user_id string, name string, value string"),
        spark.createDataFrame(bought, "user_id string, value string"),
    )
    counted = of_values(*frames, len(USERS), negated=negated)["t"]

    def came(user: str, value: str) -> bool:
        return ((user, value) in bought) != negated

    named = {value for _, _, value in said}
    share = {value: sum(came(user, value) for user in USERS) / len(USERS) for value in named}
    of_user = [[came(user, value) for one, _, value in said if one == user] for user in USERS]
    assert counted == Counts(
        said=len(said),
        hits=sum(map(sum, of_user)),
        happened=sum(came(user, value) for user in USERS for value in named),
        expected_hits=pytest.approx(sum(share[value] for _, _, value in said)),
        said_squared=sum(len(one) ** 2 for one in of_user),
        hits_squared=sum(sum(one) ** 2 for one in of_user),
        said_hits=sum(len(one) * sum(one) for one in of_user),
    )


def test_each_tag_is_held_against_what_it_expects(spark, tags):
    said = [("u0", "fan of {brand}", "B"), ("u0", "left {category}", "X"), ("u1", "left {category}", "X")]
    found = spark.createDataFrame(said, "user_id string, name string, value string")
    bought = {
        "brand": spark.createDataFrame([("u0", "B")], "user_id string, value string"),
        "category": spark.createDataFrame([("u0", "X")], "user_id string, value string"),
    }
    told = {name: (expects, counts.hits) for name, expects, counts in of_tagged_values(tags, found, bought, 2)}
    assert told == {"fan of {brand}": ("buys brand", 1), "left {category}": ("buys nothing in category", 1)}
