"""Counts of tags in Spark against plain Python."""

from __future__ import annotations

import random
from pathlib import Path

import yaml

from userprofile.pipelines.tag_counts import counts_of, never_given
from userprofile.tags.definition import TagFile

BARE = {"theme": "any", "owner": "crm", "version": 1, "says": "what it says", "rule": "true"}
NAMES = ["a", "b", "fan of {brand}", "never"]
WORDS = ["a", "b", "fan of X", "fan of O'Y", "of another file"]


def name_of(words: str) -> str:
    return "fan of {brand}" if words.startswith("fan of ") else words if words in NAMES else ""


def test_counts_are_those_of_a_loop_over_users(spark, tmp_path: Path):
    tags = [{**BARE, "name": name, **({"each": "brand"} if "{" in name else {})} for name in NAMES]
    (tmp_path / "tags.yaml").write_text(yaml.safe_dump(tags))
    draw = random.Random(7)
    users = {
        scoring: {f"u{user}": draw.sample(WORDS, draw.randint(0, 5)) for user in range(number)}
        for scoring, number in (("before", 30), ("now", 25))
    }
    frames = {
        scoring: spark.createDataFrame(list(of.items()), "user_id string, tags array<string>")
        for scoring, of in users.items()
    }
    counts = counts_of(frames["now"], frames["before"], TagFile.read("tags.yaml", tmp_path))
    assert never_given(frames["now"], TagFile.read("tags.yaml", tmp_path).tags) == ["never"]

    now, before = users["now"], users["before"]
    names = {user: {name_of(words) for words in given} for user, given in now.items()}
    assert counts.users == 25
    assert counts.having == {
        name: sum(name in had for had in names.values()) for name in ("a", "b", "fan of {brand}", "")
    }
    assert counts.both == {
        (one, other): together
        for one in counts.having
        for other in counts.having
        if one != other and (together := sum({one, other} <= had for had in names.values()))
    }
    for name, told in counts.kept.items():
        given = [(user, words) for user in now for words in before[user] if name_of(words) == name]
        assert told == (len(given), sum(words in now[user] for user, words in given))
    assert set(counts.kept) == set(counts.having)
    assert counts_of(frames["now"], None, TagFile.read("tags.yaml", tmp_path)).kept == {}
