"""Profiles and the tags that a file gives them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.infer_profiles import declared_by, infer_profiles, not_learnt
from userprofile.pipelines.run import run_path

TAGS = """
- {name: looked, theme: a, owner: crm, version: 1, rule: view_count_all >= 1, says: looked at something}
- {name: bought, theme: a, owner: crm, version: 1, rule: orders_all >= 1, says: bought something}
"""
NEVER = """
- {name: never, theme: a, owner: crm, version: 1, rule: orders_all > 99, says: bought very often}
- {name: "never {brand}", each: brand, theme: a, owner: crm, version: 1, rule: affinity > 2, says: more than all}
"""


@pytest.fixture
def tags(tmp_path: Path):
    """Writes a file of tags; the arguments that name it."""

    def write(text: str) -> list[str]:
        (tmp_path / "my_tags.yaml").write_text(text)
        return ["--set", f"tags.file={tmp_path / 'my_tags.yaml'}"]

    return write


def tags_by_features(folder: Path) -> list[tuple[int, list[str]]]:
    rows = pl.DataFrame(DeltaTable(folder / "warehouse" / "my_shop" / "gold" / "user_profiles").to_pyarrow_table())
    return sorted(rows.select("orders_all", "tags").iter_rows())


@pytest.mark.slow
def test_another_file_of_tags_makes_profiles_anew_and_the_same_does_not(job, refined, tags, tmp_path):
    assert job("build_features", build_features, "--source", refined).code == 0
    first = job("infer_profiles", infer_profiles, "--source", refined, *tags(TAGS))
    assert first.code == 0, first.errors
    assert tags_by_features(tmp_path) == [(0, ["looked"]), (1, ["bought"])]
    assert first.result["metrics"]["infer_profiles"]["tags_of_nobody"] == 0
    assert "nobody has the tags" not in first.printed

    same = job("infer_profiles", infer_profiles, "--source", refined, *tags(TAGS))
    assert same.result["steps"] == {"infer_profiles": 0.0}
    other = job(
        "infer_profiles", infer_profiles, "--source", refined, *tags(TAGS.replace("name: looked", "name: saw") + NEVER)
    )
    assert other.result["steps"] != {"infer_profiles": 0.0}
    assert other.result["metrics"]["infer_profiles"]["tags_of_nobody"] == 2
    assert "nobody has the tags never, never {brand}; make build_tag_catalogue" in other.printed
    assert tags_by_features(tmp_path) == [(0, ["saw"]), (1, ["bought"])]

    shipped = job("infer_profiles", infer_profiles, "--source", refined)
    assert shipped.code == 0, shipped.errors
    assert "seen this week" in tags_by_features(tmp_path)[0][1]


def test_what_is_declared_goes_into_the_row_of_who_granted_profiling_alone(spark):
    users = spark.createDataFrame(
        [
            ("a", "25-34", None, None, None, "low", [("size", "m"), ("size", None)], ["profiling"]),
            ("b", "65+", None, None, None, None, [("size", "s")], ["marketing"]),
            ("c", None, None, None, None, None, [], ["marketing", "profiling"]),
        ],
        "user_id string, age_band string, gender string, region string, occupation string, income string, "
        "attributes array<struct<name: string, value: string>>, consent array<string>",
    )
    found = {row["user_id"]: row["attributes"] for row in declared_by(users).collect()}
    assert found == {"a": [("age_band", "25-34"), ("income", "low"), ("size", "m")], "b": None, "c": []}


def test_a_score_that_was_not_learnt_is_named_with_the_reason():
    assert not_learnt({"metrics": '{"not_learnt": {"spend": "nobody spends", "risk": "not told"}}'}) == (
        "spend: nobody spends; risk: not told"
    )
    assert not_learnt({"metrics": "{}"}) is None


@pytest.mark.parametrize("pipeline", [infer_profiles, run_path])
def test_a_wrong_rule_ends_a_job_before_any_work(job, mapping, log, good, tags, tmp_path, pipeline):
    wrong = tags(TAGS.replace("orders_all", "order_all"))
    ended = job(pipeline.__name__, pipeline, "--source", mapping, "--input", log(good), *wrong)
    assert ended.code == 2
    assert "tag 'bought': rule reads a column that is not there: order_all" in ended.errors
    assert "orders_all" in ended.errors
    assert list((tmp_path / "warehouse").rglob("_delta_log")) == []
