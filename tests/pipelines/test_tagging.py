"""Rules of tags on real Spark: what is refused, what fires, and in which order."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.config.settings import Tags
from userprofile.errors import UsageError
from userprofile.features.catalogue import catalogue, user_features_schema
from userprofile.pipelines.tag_rules import USUAL, require_rules
from userprofile.pipelines.tagging import FOUND, values_of, with_found
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import UserCategoryFeatures
from userprofile.tags.definition import TagFile
from userprofile.windows import Window

FEATURES = user_features_schema(catalogue(timezone="UTC"))
DAY = date(2024, 5, 1)
PLAIN = {"theme": "any", "owner": "crm", "version": 1, "says": "what it says"}
BARE: dict[str, Any] = {"affinity": 0.0, "orders": 0, "event_count": 0, "purchase_count": 0, "event_share": 0.0}
AGES = {"days_since_first_event": 90.0, "days_since_last_event": 90.0}


@pytest.fixture
def tagged(spark: SparkSession, tmp_path: Path):
    """Words by user, of tags in their keys, users in what is known of them, and (user, category, what is known)."""

    def words(tags: list[dict[str, Any]], users: dict[str, dict[str, Any]], categories=(), most: int = 12):
        (tmp_path / "tags.yaml").write_text(yaml.safe_dump([{**PLAIN, **tag} for tag in tags]))
        file = TagFile.read("tags.yaml", tmp_path)
        require_rules(spark, file, FEATURES)
        columns = [field for field in USUAL if field.name not in ("user_id", "as_of_date")]
        kinds = {
            field.name: field.dataType for field in columns if any(field.name in known for known in users.values())
        }
        kinds |= {field.name: field.dataType for field in columns if field.name == "brand_affinity"}
        rows = spark.createDataFrame([(name,) for name in users], "user_id string")
        for name, kind in kinds.items():
            of_users = {
                user: known.get(name, [] if name.endswith("affinity") else None) for user, known in users.items()
            }
            more = spark.createDataFrame(list(of_users.items()), f"user_id string, `{name}` {kind.simpleString()}")
            rows = rows.join(more, "user_id")
        schema = from_arrow_schema(arrow_schema(UserCategoryFeatures))
        of_categories = [
            {**BARE, **AGES, "user_id": user, "as_of_date": DAY, "category": category, **known}
            for user, category, known in categories
        ]
        filled = [tuple(row.get(name) for name in schema.names) for row in of_categories]
        values = values_of(rows, spark.createDataFrame(filled, schema))
        found = with_found(rows, values, settings=Tags.model_construct(file=file, most=most), as_of=DAY)
        return {row[0]: row[1] for row in found.select("user_id", F.col(f"{FOUND}.words")).collect()}

    return words


def test_every_rule_that_ships_is_one_that_spark_takes(spark, checkout):
    require_rules(spark, TagFile.read("tags.yaml", checkout / "conf"), FEATURES)


def test_a_log_with_other_windows_takes_them_too(spark, checkout):
    other = user_features_schema(catalogue(timezone="UTC", windows=[Window(3)]))
    require_rules(spark, TagFile.read("tags.yaml", checkout / "conf"), other)


@pytest.mark.parametrize(
    ("wrong", "what", "expected"),
    [
        ({"rule": "order_all > 3"}, "tag 'one': rule reads a column that is not there: order_all", "orders_all"),
        ({"rule": "sum(orders_all) > 3"}, "tag 'one': rule rests on more", "columns of the row alone"),
        ({"rule": "orders_all > (select 1)"}, "tag 'one': rule rests on more", "columns of the row alone"),
        ({"rule": "rand() > 0.5"}, "tag 'one': rule rests on more", "columns of the row alone"),
        ({"rule": "current_date() > last_seen"}, "tag 'one': rule rests on more", "columns of the row alone"),
        ({"rule": "orders_all"}, "tag 'one': rule gives another type", "a condition"),
        ({"rule": "orders_all >"}, "tag 'one': rule is no SQL", "an expression"),
        ({"rule": "nothing(orders_all)"}, "tag 'one': rule is not right", "an expression"),
        ({"rule": "orders_all > 3", "name": "{category}", "each": "category"}, "not there: orders_all", "orders"),
        (
            {"rule": "true", "name": "{brand}", "each": "brand", "strongest": "brand"},
            "strongest gives another",
            "a number",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_tag_and_column(tagged, wrong, what, expected):
    with pytest.raises(UsageError) as refused:
        tagged([{"name": "one", **wrong}], {"ann": {}})
    assert what in refused.value.what
    assert expected in refused.value.expected


def test_a_rule_fires_where_it_holds_and_never_on_null(tagged):
    found = tagged(
        [{"name": "often", "rule": "orders_all >= 3"}, {"name": "rare", "rule": "not (orders_all >= 3)"}],
        {"ann": {"orders_all": 3}, "ben": {"orders_all": 2}, "cleo": {"orders_all": None}},
    )
    assert found == {"ann": ["often"], "ben": ["rare"], "cleo": []}


def test_a_rule_about_what_a_log_does_not_have_never_fires(tagged):
    assert tagged([{"name": "likely", "rule": "purchase_probability > 0 or true is null"}], {"ann": {}}) == {"ann": []}


def test_scores_and_features_stand_side_by_side(tagged):
    tag = {"name": "goes", "rule": "churn_probability > 0.5 and orders_all > 1"}
    users = {"ann": {"churn_probability": 0.6, "orders_all": 2}, "ben": {"churn_probability": 0.4, "orders_all": 2}}
    assert tagged([tag], users) == {"ann": ["goes"], "ben": []}


def test_the_order_of_the_file_is_that_of_a_profile_and_the_last_are_left_out(tagged):
    tags = [{"name": name, "rule": "true"} for name in ("z", "b", "a")]
    assert tagged(tags, {"ann": {}}) == {"ann": ["z", "b", "a"]}
    assert tagged(tags, {"ann": {}}, most=2) == {"ann": ["z", "b"]}


def test_a_tag_of_another_time_does_not_hold(tagged):
    tags = [{"name": "then", "rule": "true", "valid_until": DAY.replace(month=4)}, {"name": "now", "rule": "true"}]
    assert tagged(tags, {"ann": {}}) == {"ann": ["now"]}


CATEGORIES = [
    ("ann", "FOOD / CAT FOOD", {"affinity": 0.4, "orders": 4}),
    ("ann", "FOOD / MILK", {"affinity": 0.1, "orders": 9}),
    ("ann", "FOOD / TEA", {"affinity": 0.2, "orders": 1}),
    ("ben", "FOOD / MILK", {"affinity": 0.5, "orders": 9}),
    ("cleo", "FOOD / MILK", {"affinity": 0.6, "orders": 9}),
    ("cleo", "FOOD / TEA", {"affinity": 0.1, "orders": 5}),
]


def test_an_enthusiast_leans_to_a_category_more_than_others(tagged):
    """Against a plain mean over all users, those without the category too."""
    enthusiast = {"name": "likes {category}", "each": "category", "rule": "lift >= 1.2 and orders >= 2", "most": 2}
    found = tagged([enthusiast], {name: {} for name in ("ann", "ben", "cleo", "dan")}, CATEGORIES)
    means: dict[str, float] = {}
    for _, category, known in CATEGORIES:
        means[category] = means.get(category, 0) + known["affinity"] / 4
    expected: dict[str, list[tuple[float, str]]] = {name: [] for name in ("ann", "ben", "cleo", "dan")}
    for user, category, known in CATEGORIES:
        lift = known["affinity"] / means[category]
        if lift >= 1.2 and known["orders"] >= 2:
            expected[user].append((-lift, f"likes {category.split(' / ')[-1]}"))
    assert found == {user: [words for _, words in sorted(likes)] for user, likes in expected.items()}
    assert found["ann"] == ["likes CAT FOOD"]
    assert found["dan"] == []


def test_nobody_is_said_to_be_an_enthusiast_of_what_they_left(tagged, checkout):
    """By the rules that ship."""
    file = TagFile.read("tags.yaml", checkout / "conf")
    wanted = [tag for tag in file.tags if tag.name in ("enthusiast of {category}", "left {category}")]
    rules = [tag.model_dump(include={"name", "each", "rule", "most", "strongest"}) for tag in wanted]
    leans = {"affinity": 0.4, "event_count": 9, "orders": 5, "purchase_cycle_days": 10.0}
    categories = [
        ("ann", "FOOD / TEA", {**leans, "days_since_purchase": 91.0}),
        ("ben", "FOOD / MILK", {**leans, "days_since_purchase": 90.0}),
        ("cleo", "FOOD / JAM", {**leans, "orders": 0, "days_since_purchase": None, "purchase_cycle_days": None}),
    ]
    users = {name: {} for name in ("ann", "ben", "cleo", "dan")}
    assert tagged(rules, users, categories) == {
        "ann": ["left TEA"], "ben": ["enthusiast of MILK"], "cleo": ["enthusiast of JAM"], "dan": [],
    }  # fmt: skip


def test_of_many_values_the_strongest_are_told(tagged):
    often = {"name": "buys {category}", "each": "category", "rule": "orders >= 1", "strongest": "orders", "most": 2}
    found = tagged([often, {"name": "all", "rule": "true"}], {"ann": {}, "ben": {}}, CATEGORIES[:4])
    assert found == {"ann": ["buys MILK", "buys CAT FOOD", "all"], "ben": ["buys MILK", "all"]}


def test_a_brand_with_quotes_is_told_as_it_is(tagged):
    brand = {"name": "fan of {brand}!", "each": "brand", "rule": "affinity >= 0.5 and lift > 1"}
    users = {"ann": {"brand_affinity": [('O\'Hara "x"', 0.9), ("B", 0.1)]}, "ben": {"brand_affinity": [("B", 1.0)]}}
    assert tagged([brand], users) == {"ann": ['fan of O\'Hara "x"!'], "ben": ["fan of B!"]}
