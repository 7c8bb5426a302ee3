from __future__ import annotations

import datetime as dt

import dataframely as dy
import pyarrow as pa
import pytest
from delta import exceptions
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession

from userprofile.errors import ConflictError, DataGateError, ExitCode
from userprofile.schemas.arrow import arrow_schema
from userprofile.tables.store import Store, TableVersion, Transaction


class Spend(dy.Schema):
    """One row per user and date."""

    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)
    amount = dy.Int64(nullable=True)
    codes = dy.List(dy.Int32(nullable=False), nullable=False)


class SpendInCurrency(Spend):
    """The same with one column more, which need not be known."""

    currency = dy.String(nullable=True)


class SpendInHalves(SpendInCurrency):
    """With another type."""

    amount = dy.Float64(nullable=True)


TABLE = "gold.spend"
FIRST, SECOND = dt.date(2024, 1, 1), dt.date(2024, 2, 1)


def a_row(user_id, as_of_date=FIRST, amount=1):
    return {"user_id": user_id, "as_of_date": as_of_date, "amount": amount, "codes": [1, 2]}


def frame(rows, schema):
    return SparkSession.active().createDataFrame(pa.Table.from_pylist(rows, schema=arrow_schema(schema)))


@pytest.fixture
def store(spark, tmp_path):
    return Store(spark, str(tmp_path / "warehouse"), run_id="run 1")


def held(store, pinned=None):
    """(user, date, amount) of a table's rows, sorted."""
    rows = store.read(pinned or store.pin(TABLE), Spend).collect()
    return sorted((row["user_id"], row["as_of_date"], row["amount"]) for row in rows)


def test_replacing_touches_only_the_rows_that_the_condition_names_and_old_versions_stay(store):
    assert not store.exists(TABLE)
    both = [a_row("a"), a_row("b"), a_row("a", SECOND)]
    first = store.replace(frame(both, Spend), TABLE, Spend)
    assert store.exists(TABLE)
    assert (first.table, first.rows) == (TABLE, 3)
    again = store.replace(frame([a_row("c", FIRST, None)], Spend), TABLE, Spend, where="as_of_date = '2024-01-01'")
    assert (again.version, again.rows) == (first.version + 1, 1)
    assert held(store) == [("a", SECOND, 1), ("c", FIRST, None)]
    assert held(store, first) == [("a", FIRST, 1), ("a", SECOND, 1), ("b", FIRST, 1)]
    assert store.pin(TABLE) == TableVersion(TABLE, again.version, 2)
    nothing = store.replace(frame([], Spend), TABLE, Spend)
    assert (nothing.rows, held(store)) == (0, [])


def test_an_append_is_taken_once(store):
    rows = frame([a_row("a"), a_row("b")], Spend)
    first = store.append(rows, TABLE, Spend, Transaction("ingest", 1))
    again = store.append(rows, TABLE, Spend, Transaction("ingest", 1))
    assert (first.rows, again.rows, again.version) == (2, 0, first.version)
    assert store.append(rows, TABLE, Spend, Transaction("ingest", 2)).rows == 2
    assert store.append(rows, TABLE, Spend, Transaction("another", 1)).rows == 2
    assert len(held(store)) == 6


def test_a_write_of_other_columns_is_refused_with_both_sides_and_writes_nothing(store):
    rows = frame([a_row("a")], Spend)
    with pytest.raises(DataGateError, match=r"rows to be written to gold\.spend have other columns") as raised:
        store.replace(rows.withColumnRenamed("amount", "amounts"), TABLE, Spend)
    assert raised.value.expected.startswith("amount bigint")
    assert raised.value.received.startswith("amounts bigint")
    assert not store.exists(TABLE)


def test_columns_in_another_order_are_written_to_their_own_places(store):
    rows = frame([a_row("a", FIRST, 5)], Spend).select("codes", "amount", "as_of_date", "user_id")
    store.replace(rows, TABLE, Spend)
    assert held(store) == [("a", FIRST, 5)]


def test_a_breaking_change_of_the_class_is_refused_on_write_and_on_read(store):
    written = store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    halves = frame([a_row("a") | {"amount": 0.5, "currency": "EUR"}], SpendInHalves)
    for refused in (
        lambda: store.replace(halves, TABLE, SpendInHalves),
        lambda: store.append(halves, TABLE, SpendInHalves, Transaction("ingest", 1)),
        lambda: store.read(written, SpendInHalves),
    ):
        with pytest.raises(DataGateError, match=r"table gold\.spend (was written with|has) other columns") as raised:
            refused()
        assert raised.value.expected.startswith("amount double; agreeing: user_id string not null, as_of_date date")
        assert raised.value.received.startswith("amount bigint; agreeing: user_id string not null, as_of_date date")
    assert store.pin(TABLE) == written


def test_a_table_takes_on_a_column_that_may_be_null_and_serves_both_classes(store):
    old = store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    row = a_row("b", SECOND) | {"currency": "EUR"}
    new = store.replace(frame([row], SpendInCurrency), TABLE, SpendInCurrency, where="as_of_date = '2024-02-01'")
    currencies = {row["user_id"]: row["currency"] for row in store.read(new, SpendInCurrency).collect()}
    assert currencies == {"a": None, "b": "EUR"}
    assert [row["currency"] for row in store.read(old, SpendInCurrency).collect()] == [None]
    store.replace(frame([a_row("c", SECOND)], Spend), TABLE, Spend, where="as_of_date = '2024-02-01'")
    assert held(store) == [("a", FIRST, 1), ("c", SECOND, 1)]


def test_a_column_that_must_have_a_value_cannot_be_taken_on(store):
    store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    currency = {"currency": dy.String(nullable=False)}
    certain = type("SpendInCertainCurrency", (Spend,), currency)
    with pytest.raises(DataGateError, match="other columns"):
        store.replace(frame([a_row("a") | {"currency": "EUR"}], certain), TABLE, certain)


WRITES = {
    "replace": lambda store, frame: store.replace(frame, TABLE, Spend),
    "append": lambda store, frame: store.append(frame, TABLE, Spend, Transaction("ingest", 1)),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_null_where_none_may_be_is_refused_and_nothing_is_written(store, spark, write):
    before = store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    schema = "user_id string, as_of_date date, amount bigint, codes array<int>"
    bad = spark.createDataFrame([("b", FIRST, 1, [1]), (None, FIRST, 2, [1])], schema)
    with pytest.raises(DataGateError, match=r"a row for gold\.spend lacks a value it must have") as raised:
        write(store, bad)
    assert raised.value.received == "NOT NULL constraint violated for column: user_id"
    assert store.pin(TABLE) == before
    assert held(store) == [("a", FIRST, 1)]


class SpendInRange(Spend):
    """With amounts that must not be below 0."""

    amount = dy.Int64(nullable=True, min=0)


def test_a_checked_table_refuses_what_is_out_of_range_whoever_writes(store, spark):
    good = frame([a_row("a"), a_row("b") | {"amount": None}], SpendInRange)
    before = store.replace(good, TABLE, SpendInRange, checked=True)
    schema = "user_id string, as_of_date date, amount bigint, codes array<int>"
    bad = spark.createDataFrame([("b", FIRST, None, [1]), ("c", FIRST, -1, [1])], schema)
    with pytest.raises(DataGateError, match=r"a row for gold\.spend has a value out of its range") as raised:
        store.replace(bad, TABLE, SpendInRange)
    assert raised.value.received.startswith("CHECK constraint amount_range ((amount IS NULL) OR (amount >= 0))")
    with pytest.raises(DeltaError, match="1 rows failed validation"):
        write_deltalake(store.path(TABLE), bad.toArrow().slice(1), mode="append")
    assert store.pin(TABLE) == before


class SpendAndShare(SpendInRange):
    share = dy.Float64(nullable=True, max=1)


def test_a_column_that_comes_later_is_checked_too(store):
    store.replace(frame([a_row("a")], SpendInRange), TABLE, SpendInRange, checked=True)
    store.replace(frame([a_row("a") | {"share": 1.0}], SpendAndShare), TABLE, SpendAndShare, checked=True)
    with pytest.raises(DataGateError, match="out of its range"):
        store.replace(frame([a_row("a") | {"share": 1.1}], SpendAndShare), TABLE, SpendAndShare)


def test_the_log_of_a_table_knows_the_bounds_of_a_column(store):
    pinned = store.replace(frame([], Spend), TABLE, Spend)
    assert store.bounds(pinned, "as_of_date") == (None, None)
    first = store.replace(frame([a_row("a", SECOND), a_row("b")], Spend), TABLE, Spend)
    store.replace(frame([a_row("a", SECOND)], Spend), TABLE, Spend)
    assert store.bounds(first, "as_of_date") == (FIRST, SECOND)
    assert store.bounds(store.pin(TABLE), "as_of_date") == (SECOND, SECOND)


def test_every_commit_names_its_run(store):
    store.replace(frame([a_row("a")], Spend), TABLE, Spend, checked=True)
    store.replace(frame([a_row("a") | {"share": 0.5}], SpendAndShare), TABLE, SpendAndShare, checked=True)
    told = [(commit["operation"], commit.get("userMetadata")) for commit in DeltaTable(store.path(TABLE)).history()]
    assert {run for _, run in told} == {"run 1"}, told
    assert {"CREATE TABLE", "ADD COLUMN", "ADD CONSTRAINT", "WRITE"} <= {operation for operation, _ in told}


def test_a_warehouse_named_by_its_uri_is_the_same_one(spark, store, tmp_path):
    store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    by_uri = Store(spark, (tmp_path / "warehouse").as_uri() + "/")
    assert by_uri.pin(TABLE) == store.pin(TABLE)
    by_uri.replace(frame([a_row("b")], Spend), TABLE, Spend)
    assert held(store) == [("b", FIRST, 1)]
    assert (tmp_path / "warehouse/gold/.spend.lock").exists()


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_conflict_of_deltas_is_one_of_ours(store, monkeypatch, name):
    def lost(*_: object) -> None:
        raise getattr(exceptions, name)("another transaction")

    monkeypatch.setattr(Store, "_create", lost)
    with pytest.raises(ConflictError, match=r"another writer changed gold\.spend") as raised:
        store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    assert raised.value.exit_code is ExitCode.CONFLICT


def test_of_two_that_find_no_table_only_one_makes_it(store, monkeypatch):
    store.replace(frame([a_row("a")], Spend), TABLE, Spend)
    monkeypatch.setattr(Store, "exists", lambda *_: False)
    with pytest.raises(ConflictError, match=r"another writer changed gold\.spend"):
        store.replace(frame([a_row("b")], Spend), TABLE, Spend)
    assert held(store) == [("a", FIRST, 1)]
