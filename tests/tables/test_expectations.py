from __future__ import annotations

import pytest
from pyspark.sql.types import StructType

from userprofile.errors import DataGateError
from userprofile.tables.expectations import require_same_schema

pytestmark = pytest.mark.usefixtures("spark")  # which reads the DDL


def columns(ddl: str) -> StructType:
    return StructType.fromDDL(ddl)


EXPECTED = "user_id string not null, amount bigint, codes array<int>, pairs array<struct<name: string, score: double>>"


@pytest.mark.parametrize(
    "same",
    [
        EXPECTED,
        "codes array<int>, pairs array<struct<name: string, score: double>>, amount bigint, user_id string not null",
        EXPECTED.replace("name: string", "name: string not null"),
    ],
)
def test_the_order_and_the_nullability_of_nested_parts_do_not_matter(same):
    require_same_schema(columns(same), columns(EXPECTED), what="it differs")


@pytest.mark.parametrize(
    ("received", "expects", "has"),
    [
        (
            EXPECTED.replace("amount bigint, ", ""),
            "amount bigint; agreeing: user_id",
            "nothing more; agreeing: user_id",
        ),
        (f"{EXPECTED}, more int", "nothing more; agreeing: user_id", "more int; agreeing: user_id"),
        (EXPECTED.replace("bigint", "int"), "amount bigint; agreeing: user_id", "amount int; agreeing: user_id"),
        (EXPECTED.replace("amount", "Amount"), "amount bigint; agreeing", "Amount bigint; agreeing"),
        (EXPECTED.replace(" not null", ""), "user_id string not null; agreeing", "user_id string; agreeing: amount"),
        (
            EXPECTED.replace("array<int>", "array<bigint>"),
            "codes array<int>; agreeing",
            "codes array<bigint>; agreeing",
        ),
        (EXPECTED.replace("double", "float"), "score: double>>; agreeing", "score: float>>; agreeing"),
    ],
)
def test_other_columns_are_refused_with_both_sides_shown(received, expects, has):
    with pytest.raises(DataGateError, match="it differs") as raised:
        require_same_schema(columns(received), columns(EXPECTED), what="it differs")
    assert expects in raised.value.expected
    assert has in raised.value.received


def test_before_a_write_nullability_is_left_to_the_table():
    nullable = columns(EXPECTED.replace(" not null", ""))
    require_same_schema(nullable, columns(EXPECTED), what="it differs", nullability=False)
    with pytest.raises(DataGateError):
        require_same_schema(columns("user_id string"), columns(EXPECTED), what="it differs", nullability=False)
