from __future__ import annotations

import random
from collections import defaultdict

import pytest

from userprofile.events import entities
from userprofile.events.mapped import MappedColumn

ITEM = {"item_id": MappedColumn("id"), "title": MappedColumn("title", fill="untitled"), "price": MappedColumn("price")}


@pytest.fixture(scope="module")
def items(raw_rows):
    first = [
        {"id": "1", "title": "old", "price": "1", "one": "a"},
        {"id": "1", "title": "newer", "price": "2.005", "one": "a", "two": "b", "three": "c", "four": "d"},
        {"id": "2", "price": "-1", "one": "a", "three": "c", "size": "XL"},
        {"title": "nameless"},
        "{broken",
        {"id": "4", "title": " ", "price": "cheap"},
    ]
    second = [
        {"id": "3", "title": "x", "one": " ", "two": None, "tags": '["new", "red"]'},
        {"id": "2", "title": "late", "two": "b"},
    ]
    frame = entities.silver_items(
        raw_rows(first, second),
        ITEM,
        category_path=["one", "two", "three", "four"],
        attributes={"size": "upper(size)", "constant": "'yes'", "tag": "from_json(tags, 'array<string>')"},
        currency="EUR",
        minor_units=2,
    )
    return {row["item_id"]: row for row in frame.collect()}


def test_the_last_row_of_an_item_counts_and_rows_without_one_do_not(items):
    assert {name: row["title"] for name, row in items.items()} == {
        "1": "newer",
        "2": "late",
        "3": "x",
        "4": "untitled",
    }
    assert {name: row["price"] for name, row in items.items()} == {"1": 201, "2": None, "3": None, "4": None}
    assert {row["currency"] for row in items.values()} == {"EUR"}
    assert {row["brand"] for row in items.values()} == {None}


def test_category_paths_hold_the_levels_there_are(items):
    paths = {name: row["category_path"] for name, row in items.items()}
    assert paths == {"1": ["a", "b", "c", "d"], "2": ["b"], "3": [], "4": []}


def test_an_attribute_may_have_several_values(items):
    pairs = [tuple(pair) for pair in items["3"]["attributes"]]
    assert pairs == [("size", None), ("constant", "yes"), ("tag", "new"), ("tag", "red")]


def test_attributes_by_name_null_where_unknown(items):
    assert [tuple(pair) for pair in items["2"]["attributes"]] == [("size", None), ("constant", "yes")]


def test_category_values_are_paths_cut_to_their_level(spark):
    rows = spark.createDataFrame([(["a", "b", "c", "d"],), (["a"],), ([],)], "category_path array<string>")
    found = rows.select(*(entities.category_value(level).alias(str(level)) for level in (1, 2, 3))).collect()
    assert [tuple(row) for row in found] == [("a", "a / b", "a / b / c"), ("a", None, None), (None, None, None)]


def declared(raw_rows, consent):
    rows = [
        {"u": "1", "age": "20s", "ads": "true"},
        {"u": "1", "age": "30s", "ads": "true", "mail": "no"},
        {"u": "2", "ads": "maybe", "mail": "yes", "kids": "3"},
        {"u": "3", "ads": "true", "mail": "yes"},
        {"age": "nobody's"},
    ]
    return entities.declared_users(
        raw_rows(rows),
        {"user_id": MappedColumn("u"), "age_band": MappedColumn("age", values={"30s": "30 to 39"})},
        attributes={"kids": "kids"},
        consent=consent,
        default_consent=["profiling"],
    )


def test_consent_by_condition_and_the_last_row_of_a_user(raw_rows):
    users = {
        row["user_id"]: row
        for row in declared(raw_rows, {"marketing": "cast(ads as boolean)", "newsletter": "mail = 'yes'"}).collect()
    }
    assert {name: row["consent"] for name, row in users.items()} == {
        "1": ["marketing"],
        "2": ["newsletter"],
        "3": ["marketing", "newsletter"],
    }
    assert {name: row["age_band"] for name, row in users.items()} == {"1": "30 to 39", "2": None, "3": None}
    assert [tuple(pair) for pair in users["2"]["attributes"]] == [("kids", "3")]


def test_users_seen_and_users_declared_each_once_with_the_default_where_nothing_was_said(spark, raw_rows):
    seen = spark.createDataFrame([("1",), ("9",), ("9",)], "user_id string")
    for users, known in ((declared(raw_rows, {}), "123"), (None, "")):
        rows = entities.silver_users(seen, users, default_consent=["profiling"]).collect()
        assert sorted(row["user_id"] for row in rows) == sorted({*known, "1", "9"})
        assert {tuple(row["consent"]) for row in rows} == {("profiling",)}
        [never_declared] = [row for row in rows if row["user_id"] == "9"]
        assert (never_declared["age_band"], never_declared["region"], never_declared["attributes"]) == (None, None, [])


def test_the_declared_keep_their_own_consent(spark, raw_rows):
    seen = spark.createDataFrame([("1",), ("9",)], "user_id string")
    users = declared(raw_rows, {"marketing": "false"})
    rows = entities.silver_users(seen, users, default_consent=["profiling"]).collect()
    consent = {row["user_id"]: row["consent"] for row in rows}
    assert consent == {"1": [], "2": [], "3": [], "9": ["profiling"]}


def test_words_that_want_a_code(spark):
    items = spark.createDataFrame(
        [
            ("1", ["a"], "acme", "red", [("style", "plain"), ("size", None)]),
            ("2", ["a", "b"], None, None, [("style", "plain")]),
            ("3", [], "acme", None, []),
        ],
        "item_id string, category_path array<string>, brand string, colour string,"
        " attributes array<struct<name: string, value: string>>",
    )
    events = spark.createDataFrame([("2", "app"), ("7", None), (None, "app")], "item_id string, channel string")
    words = sorted((row["kind"], row["value"]) for row in entities.words_to_code(items, events).collect())
    assert words == [
        ("attribute_style", "plain"),
        ("brand", "acme"),
        ("category_1", "a"),
        ("category_2", "a / b"),
        ("channel", "app"),
        ("colour", "red"),
        ("item", "1"),
        ("item", "2"),
        ("item", "3"),
        ("item", "7"),
    ]


def test_codes_stay_as_words_arrive_and_none_is_given_twice(spark):
    rng = random.Random(11)
    words: set[tuple[str, str]] = set()
    codes: dict[tuple[str, str], int] = {}
    for arriving in (5, 0, 12, 30):
        words |= {(rng.choice(["item", "brand", "category_1"]), str(rng.randrange(60))) for _ in range(arriving)}
        present = rng.sample(sorted(words), k=max(1, len(words) // 2)) if codes else sorted(words)
        known = [(*word, code) for word, code in codes.items()]
        frame = entities.with_new_codes(
            spark.createDataFrame(present, "kind string, value string"),
            spark.createDataFrame(known, "kind string, value string, code int") if codes else None,
        )
        rows = frame.select("kind", "value", "code").collect()
        now = {(row["kind"], row["value"]): row["code"] for row in rows}
        assert len(now) == len(rows)
        assert now.items() >= codes.items()
        assert now.keys() == codes.keys() | set(present)
        by_kind = defaultdict(list)
        for (kind, _), code in now.items():
            by_kind[kind].append(code)
        assert all(sorted(given) == list(range(1, len(given) + 1)) for given in by_kind.values())
        codes = now
    assert len(codes) > 15
