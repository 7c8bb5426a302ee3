from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from userprofile.features.catalogue import catalogue, user_features_schema
from userprofile.inference.tags import TAGS, TAGS_KEPT, with_tags

FEATURES = user_features_schema(catalogue(timezone="UTC"))

WEEKLY: dict[str, Any] = {
    "tenure_days": 300.0,
    "days_since_purchase": 3.0,
    "orders_all": 40,
    "orders_90d": 13,
    "rfm_segment": "champions",
    "category_1_affinity": [{"name": "GROCERY", "score": 0.7}, {"name": "DRUG GM", "score": 0.3}],
    "discount_share": 0.4,
    "view_count_all": 0,
    "purchase_count_all": 90,
    "return_count_all": 0,
}


def tags_of(**changed: Any) -> list[str]:
    row = {**WEEKLY, **changed}
    types = {name: FEATURES.columns()[name].dtype for name in row}
    return with_tags(pl.DataFrame([row], schema=types))["tags"].to_list()[0]


def test_every_tag_reads_columns_of_the_feature_catalogue() -> None:
    assert set().union(*(one.reads for one in TAGS)) <= set(FEATURES.columns())


def test_a_good_customer_in_words() -> None:
    assert tags_of() == ["one of the best customers", "loves GROCERY", "weekly shopper", "discount hunter"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"days_since_purchase": None, "view_count_all": 3}, "looks, has not bought"),
        ({"tenure_days": 5.0}, "new"),
        ({"days_since_purchase": 31.0}, "lapsing"),
        ({"rfm_segment": "at_risk"}, "valuable, at risk"),
        ({"category_1_affinity": [{"name": "GROCERY", "score": 0.2}]}, "likes GROCERY"),
        ({"category_2_affinity": [{"name": "GROCERY / CHEESE", "score": 0.2}]}, "loves CHEESE"),
        ({"category_2_affinity": [{"name": "GROCERY / CHEESE", "score": 0.08}]}, "likes CHEESE"),
        ({"category_2_affinity": [{"name": "GROCERY / CHEESE", "score": 0.01}]}, "loves GROCERY"),
        ({"category_1_affinity": [{"name": "GROCERY", "score": 0.1}]}, "buys across the shop"),
        ({"orders_90d": 30}, "several times a week"),
        ({"orders_90d": 5}, "fortnightly shopper"),
        ({"orders_90d": 2}, "monthly shopper"),
        ({"tenure_days": 45.0, "orders_90d": 1}, "monthly shopper"),
        ({"orders_90d": 1}, "buys now and then"),
        ({"discount_share": 0.0}, "pays full price"),
        ({"discount_share": 0.1, "return_count_all": 27}, "returns a lot"),
    ],
)
def test_a_tag_fires_where_its_rule_holds(changed: dict[str, Any], expected: str) -> None:
    tags = tags_of(**changed)
    assert expected in tags
    assert len(tags) <= TAGS_KEPT


@pytest.mark.parametrize(
    "changed",
    [{"days_since_purchase": 30.0}, {"days_since_purchase": 89.0, "orders_all": 10}, {"orders_all": 2}],
)
def test_nobody_lapses_within_a_month_or_three_of_their_own_intervals(changed: dict[str, Any]) -> None:
    assert "lapsing" not in tags_of(**changed)


def test_a_rate_of_a_few_days_is_no_rhythm() -> None:
    assert not {"weekly shopper", "several times a week"} & set(tags_of(tenure_days=5.0))


def test_absence_fires_nothing_but_what_it_says() -> None:
    nothing = {name: [] if name == "category_1_affinity" else None for name in WEEKLY}
    assert tags_of(**nothing) == ["has not bought"]


@pytest.mark.parametrize(
    "little_known",
    [
        {"days_since_purchase": None, "rfm_segment": None, "active_days_all": 1, "tenure_days": 400.0},
        {"rfm_segment": "lost", "active_days_all": 2, "orders_90d": 0, "tenure_days": 400.0},
    ],
)
def test_one_who_left_few_traces_has_three_tags(little_known: dict[str, Any]) -> None:
    nothing = {name: [] if name == "category_1_affinity" else None for name in WEEKLY}
    traces = {"days_since_purchase": 400.0, "days_since_any": 400.0}
    assert len(tags_of(**{**nothing, **traces, **little_known})) == 3


def test_a_tag_that_lacks_its_columns_never_fires() -> None:
    assert with_tags(pl.DataFrame({"discount_share": [0.5, None]}))["tags"].to_list() == [["discount hunter"], []]
    bare = with_tags(pl.DataFrame({"user_id": ["a"]}))
    assert bare.schema["tags"] == pl.List(pl.String)
    assert bare["tags"].to_list() == [[]]
