"""Rows that the driver holds are written by the same rules as those of Spark."""

from __future__ import annotations

import datetime as dt

import dataframely as dy
import polars as pl
import pytest

from userprofile.errors import DataGateError
from userprofile.tables.store import Store, TableVersion


class Price(dy.Schema):
    """One row per date and item."""

    as_of_date = dy.Date(primary_key=True)
    item = dy.String(primary_key=True)
    price = dy.Int64(nullable=True)


TABLE = "gold.prices"
FIRST, SECOND = dt.date(2024, 1, 1), dt.date(2024, 2, 1)
SCHEMA = {"as_of_date": pl.Date, "item": pl.String, "price": pl.Int64}


@pytest.fixture
def store(spark, tmp_path):
    return Store(spark, str(tmp_path / "warehouse"), run_id="run 1")


def replace(store, *rows, day=FIRST, schema=SCHEMA):
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return store.replace_small(frame, TABLE, Price, where=f"as_of_date in (date'{day}')")


def held(store):
    return sorted(store.small(store.pin(TABLE), Price).rows())


def test_replacing_touches_only_the_rows_that_the_condition_names(store):
    replace(store, (FIRST, "a", 1), (FIRST, "b", 2))
    replace(store, (SECOND, "a", 3), day=SECOND)
    again = replace(store, (FIRST, "c", None))
    assert again == TableVersion(TABLE, store.pin(TABLE).version, 1)
    assert held(store) == [(FIRST, "c", None), (SECOND, "a", 3)]
    assert sorted(map(tuple, store.read(store.pin(TABLE), Price).collect())) == held(store)
    assert store.small(store.pin(TABLE), Price, "item").columns == ["item"]


def test_other_columns_are_refused_with_both_sides(store):
    with pytest.raises(DataGateError, match=r"rows to be written to gold\.prices have other columns") as raised:
        replace(store, (FIRST, "a", 0.5), schema=SCHEMA | {"price": pl.Float64})
    assert raised.value.expected.startswith("price bigint")
    assert raised.value.received.startswith("price double")
    assert not store.exists(TABLE)


def test_a_null_where_none_may_be_is_refused_and_nothing_is_written(store):
    before = replace(store, (FIRST, "a", 1))
    with pytest.raises(DataGateError, match=r"a row for gold\.prices lacks a value it must have"):
        replace(store, (FIRST, None, 1))
    assert store.pin(TABLE) == before


class Named(Price):
    """The same with what may be null, later."""

    name = dy.String(nullable=True)


def test_rows_that_a_condition_names_are_read_alone_and_what_a_table_never_had_is_null(store):
    replace(store, (FIRST, "a", 1), (FIRST, "b", 2))
    replace(store, (SECOND, "a", 3), day=SECOND)
    pinned, of_a = store.pin(TABLE), pl.col("item") == "a"
    assert sorted(store.small(pinned, Price, "price", where=of_a).rows()) == [(1,), (3,)]
    named = store.small(pinned, Named, where=of_a & (pl.col("as_of_date") == FIRST))
    assert named.rows() == [(FIRST, "a", 1, None)]
    assert named.schema["name"] == pl.String
