"""Three-part names of tables, in Spark's own catalogue, which is kept in memory."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest
from pyspark.sql import SparkSession

from userprofile.errors import EnvironmentMismatchError, UsageError
from userprofile.schemas.events import utc
from userprofile.tables.catalogue import NamedStore, store_of
from userprofile.tables.store import Store, Transaction

CATALOG = "spark_catalog"


class Rows(dy.Schema):
    """What the view reads of profiles, and no more."""

    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)
    model_version = dy.String(primary_key=True)
    scored_at = utc()


def scored(user: str, day: int, model: str, hour: int) -> dict[str, object]:
    at = datetime(2024, 1, 9, hour, tzinfo=UTC)
    return {"user_id": user, "as_of_date": date(2024, 1, day), "model_version": model, "scored_at": at}


@pytest.fixture
def store(spark: SparkSession, tmp_path: Path) -> Store:
    return store_of(spark, str(tmp_path / tmp_path.name), CATALOG)


def users(spark: SparkSession, name: str) -> list[str]:
    return sorted(row["user_id"] for row in spark.table(name).collect())


def test_tables_are_read_by_name_however_they_were_written(store: Store, spark: SparkSession, tmp_path: Path) -> None:
    schema = f"{CATALOG}.{tmp_path.name}_ops"
    rows = [scored("ann", 1, "a", 1), scored("ben", 1, "a", 1)]
    store.append_small(rows[:1], "ops.by_driver", Rows, Transaction("test", 1))
    assert users(spark, f"{schema}.by_driver") == ["ann"]
    store.append_small(rows[1:], "ops.by_driver", Rows, Transaction("test", 2))
    assert users(spark, f"{schema}.by_driver") == ["ann", "ben"]
    frame = spark.createDataFrame(pl.DataFrame(rows).to_pandas()).selectExpr(
        "user_id", "cast(as_of_date as date)", "model_version", "scored_at"
    )
    store.replace(frame, "ops.by_spark", Rows)
    assert users(spark, f"{schema}.by_spark") == ["ann", "ben"]
    assert spark.catalog.getTable(f"{schema}.by_spark").tableType == "EXTERNAL"


def test_a_folder_may_have_any_name(spark: SparkSession, tmp_path: Path) -> None:
    store = store_of(spark, str(tmp_path / "it's a `shop`" / tmp_path.name), CATALOG)
    store.append_small([scored("ann", 1, "a", 1)], "ops.quoted", Rows, Transaction("test", 1))
    store.replace(store.read(store.pin("ops.quoted"), Rows), "ops.quoted", Rows)
    assert users(spark, f"{CATALOG}.{tmp_path.name}_ops.quoted") == ["ann"]


def test_the_latest_profiles_are_a_view(store: Store, spark: SparkSession, tmp_path: Path) -> None:
    rows = [scored("ann", 1, "a", 9), scored("ann", 2, "b", 2), scored("ben", 2, "b", 2), scored("ann", 2, "a", 1)]
    store.append_small(rows, "gold.user_profiles", Rows, Transaction("test", 1))
    view = f"{CATALOG}.{tmp_path.name}_gold.latest_user_profiles"
    assert {(row["user_id"], row["model_version"]) for row in spark.table(view).collect()} == {
        ("ann", "b"),
        ("ben", "b"),
    }
    store.append_small([scored("ann", 3, "a", 3)], "gold.user_profiles", Rows, Transaction("test", 2))
    assert [row["as_of_date"] for row in spark.table(view).collect()] == [date(2024, 1, 3)]


def test_a_table_from_before_gets_its_name_at_its_next_write(spark: SparkSession, tmp_path: Path) -> None:
    root = str(tmp_path / tmp_path.name)
    store_of(spark, root, "").append_small([scored("ann", 1, "a", 1)], "ops.old", Rows, Transaction("test", 1))
    assert not spark.catalog.databaseExists(f"{tmp_path.name}_ops")
    store_of(spark, root, CATALOG).append_small([scored("ben", 1, "a", 1)], "ops.old", Rows, Transaction("test", 2))
    assert users(spark, f"{CATALOG}.{tmp_path.name}_ops.old") == ["ann", "ben"]


def test_a_name_that_is_taken_and_a_catalogue_that_is_not_there(spark: SparkSession, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        store = NamedStore(spark, str(tmp_path / folder / tmp_path.name), catalog=CATALOG)
        if folder == "a":
            store.append_small([scored("ann", 1, "a", 1)], "ops.rows", Rows, Transaction("test", 1))
    with pytest.raises(UsageError, match="is a table elsewhere") as refused:
        store.append_small([scored("ann", 1, "a", 1)], "ops.rows", Rows, Transaction("test", 1))
    assert str(tmp_path / "a") in refused.value.received
    nowhere = store_of(spark, str(tmp_path / "c"), "nowhere")
    with pytest.raises(EnvironmentMismatchError, match=r"gives the table ops[.]rows no name"):
        nowhere.append_small([scored("ann", 1, "a", 1)], "ops.rows", Rows, Transaction("test", 1))
    assert nowhere.pin("ops.rows").rows == 0
