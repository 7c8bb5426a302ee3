"""Questions in words: what is understood, and what is refused rather than guessed."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from userprofile.applications.filters import quoted
from userprofile.applications.meanings import Numbers, vocabulary
from userprofile.applications.questions import Reader
from userprofile.errors import UsageError
from userprofile.features.catalogue import catalogue
from userprofile.tags.definition import TagFile

NUMERIC = [feature for feature in catalogue(timezone="UTC").features if feature.dtype.dtype.is_numeric()]
SCORES = {"churn_probability": "share", "expected_spend": "minor units"}
NASTY = "x'; drop table y --"
NAMES = [
    ("category_1", "Electronics"),
    ("category_2", "Electronics / Phones"),
    ("category_3", "Electronics / Phones / Cases"),
    ("category_2", "GROCERY / FLUID MILK PRODUCTS"),
    ("category_2", "Toys / Misc"),
    ("category_2", "Home / Misc"),
    ("category_2", f"Home / {NASTY}"),
    ("brand", "O'Hara"),
    ("brand", "National 6046"),
]


@pytest.fixture(scope="module")
def reader(checkout) -> Reader:
    counting = frozenset(feature.name for feature in NUMERIC if feature.dtype.dtype.is_integer())
    numbers = Numbers({feature.name: feature.unit for feature in NUMERIC} | SCORES, counting)
    tags = TagFile.read("tags.yaml", checkout / "conf").tags
    return Reader(vocabulary(numbers, tags, NAMES), 2, 2)


def tagged(words: str) -> str:
    return f"array_contains(tags, '{words}')"


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("weekly shoppers", tagged("weekly shopper")),
        ("Weekly Shopper", tagged("weekly shopper")),
        ("phone enthusiasts", tagged("enthusiast of Phones")),
        ("enthusiasts of phones", tagged("enthusiast of Phones")),
        ("fans of National 6046", tagged("fan of National 6046")),
        ("fans of O'Hara", r"array_contains(tags, 'fan of O\'Hara')"),
        ("interested in cases", "exists(category_3_affinity, one -> one.name = 'Electronics / Phones / Cases')"),
        (
            "who like misc",
            "exists(category_2_affinity, one -> one.name = 'Home / Misc') or "
            "exists(category_2_affinity, one -> one.name = 'Toys / Misc')",
        ),
        ('"Toys / Misc"', "exists(category_2_affinity, one -> one.name = 'Toys / Misc')"),
        ("who bought", "orders_all > 0"),
        ("who bought in the last 2 weeks", "days_since_purchase <= 14"),
        ("who have not bought for 60 days", "not coalesce(days_since_purchase <= 60, false)"),
        ("who haven't been seen for a month", "not coalesce(days_since_any <= 30, false)"),
        ("bought at least 3 times in the last 30 days", "orders_30d >= 3"),
        ("more than 3 orders", "orders_all > 3"),
        ("orders over 3 in the last 90 days", "orders_90d > 3"),
        ("spent more than 1,250.50 in the last 30 days", "spend_30d > 125050"),
        ("expected spend between 10 and 20", "expected_spend >= 1000 and expected_spend <= 2000"),
        ("churn probability over 60 %", "churn_probability > 0.6"),
        ("tenure at most 2 weeks", "tenure_days <= 14"),
        ("no complaints", "not coalesce(complaint_count_all > 0, false)"),
        ("view count 7d over 2", "view_count_7d > 2"),
        ("users", "true"),
        ("users who use coupons", "coupon_share > 0"),
    ],
)
def test_a_question_is_understood(reader, question, sql):
    assert reader.read(question).sql == sql


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("lapsed or new and rising", f"{tagged('lapsed')} or ({tagged('new')} and {tagged('rising')})"),
        ("lapsed or new who are rising", f"({tagged('lapsed')} or {tagged('new')}) and {tagged('rising')}"),
        ("(lapsed or new) and rising", f"({tagged('lapsed')} or {tagged('new')}) and {tagged('rising')}"),
        ("lapsed, new, and rising", f"{tagged('lapsed')} and {tagged('new')} and {tagged('rising')}"),
        ("lapsed but not new", f"{tagged('lapsed')} and not coalesce({tagged('new')}, false)"),
        ("not (lapsed or new)", f"not coalesce({tagged('lapsed')} or {tagged('new')}, false)"),
    ],
)
def test_words_that_join_bind_as_the_readme_says(reader, question, sql):
    assert reader.read(question).sql == sql


def test_the_question_of_the_issue(reader):
    found = reader.read("phone enthusiasts who have not bought for 60 days and respond to coupons")
    assert found.words == (
        "tagged enthusiast of Phones and (not (bought in the last 60 days) and an order with a coupon)"
    )
    assert found.columns == ("tags", "days_since_purchase", "coupon_share")


@pytest.mark.parametrize(
    ("question", "what", "expected"),
    [
        ("milk enthusiasts", "nothing here is called: milk", "FLUID MILK PRODUCTS"),
        ("wekly shopers", "nothing here is called: wekly shopers", "weekly shopper"),
        ("users with ordres over 3", "nothing here is called: ordres", "orders"),
        ("case enthusiasts", "no tag is about Cases", "a name of category_2"),
        ("orders over 3 in the last 45 days", "orders is not kept of 45 days", "90 days"),
        ("churn probability", "does not say how much of churn_probability", "over, under or between"),
        ("phones for", "not understood at 'for'", "the end"),
        ("bought and", "not understood at its end", "a tag"),
        ("more than orders", "not understood at 'order", "a number"),
        ("", "not understood at its end", "users"),
        ("(lapsed", "not understood at its end", ")"),
    ],
)
def test_what_is_not_understood_is_said_and_not_guessed(reader, question, what, expected):
    with pytest.raises(UsageError) as refused:
        reader.read(question)
    assert what in refused.value.what
    assert expected in refused.value.expected


def test_a_name_that_is_sql_stays_a_name(reader, spark):
    for question in (f'interested in "{NASTY}"', f'enthusiasts of "{NASTY}"', "interested in x drop table y"):
        sql = reader.read(question).sql
        assert r"x\'; drop table y --" in sql
        rows = spark.createDataFrame(
            [([f"enthusiast of {NASTY}"], [(f"Home / {NASTY}", 1.0)]), (["other"], [("Home / Misc", 1.0)])],
            "tags array<string>, category_2_affinity array<struct<name: string, score: double>>",
        )
        assert rows.where(sql).count() == 1


@pytest.mark.parametrize("text", ["'", "\\", "\\'", "' or true --", '"', "a\nb", "%_", "${x}", "\\u0041", "ü'ß"])
def test_any_text_is_quoted_to_itself(spark, text):
    assert spark.range(1).select(F.expr(quoted(text))).first()[0] == text
