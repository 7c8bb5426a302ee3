"""Labels of any moment meet the features of their time: by the library, and by DuckDB's ASOF join."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl
from features_job import AS_OFS, TIMEZONE
from polars.testing import assert_frame_equal
from pyspark.sql import SparkSession

from userprofile.pipelines.point_in_time import write_features_of_their_time
from userprofile.tables.store import Store

DAY = 86_400_000_000  # microseconds
COMPARED = ["label", "as_of_date", "view_count_all", "spend_30d"]


def write_labels(features: Path, target: Path, *, labels: int) -> None:
    """Users of the features at moments between the first as-of date and the day after the last, in no order."""
    chance = np.random.default_rng(7)
    users = pl.scan_parquet(features / "**/*.parquet").select(pl.col("user_id").unique(maintain_order=True)).collect()
    first, last = (int(as_of.instant.timestamp() * 1e6) for as_of in (min(AS_OFS), max(AS_OFS)))
    moments = pl.Series("labelled_at", chance.integers(first, last + DAY, labels)).cast(pl.Datetime("us", "UTC"))
    drawn = users["user_id"].gather(chance.integers(0, users.height, labels))
    target.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame([drawn, moments, pl.Series("label", range(labels))]).write_parquet(target)


def by_library(spark: SparkSession, labels: Path, features: Path, target: Path) -> float:
    """Seconds of the join, as users call it."""
    shutil.rmtree(target, ignore_errors=True)
    store, started = Store(spark, str(target.parent)), perf_counter()
    drawn, then = spark.read.parquet(str(labels)), store.pin(features.name)
    write_features_of_their_time(store, drawn, then, target=target.name, time="labelled_at", timezone=TIMEZONE)
    return perf_counter() - started


def by_duckdb(labels: Path, features: Path, target: Path) -> float:
    """Seconds of the join; in a process of its own, whose memory goes with it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_duckdb, labels, features, target).result()


def _duckdb(labels: Path, features: Path, target: Path) -> float:
    import duckdb

    with duckdb.connect() as connection:
        started = perf_counter()
        for statement in _statements(labels, features, target):
            connection.execute(statement)
        return perf_counter() - started


def _statements(labels: Path, features: Path, target: Path) -> Iterator[str]:
    yield "SET preserve_insertion_order = false"
    yield f"SET TimeZone = '{TIMEZONE}'"
    read = f"read_parquet('{features}/**/*.parquet', hive_partitioning = true)"
    dated = f"SELECT *, as_of_date::TIMESTAMPTZ AS instant FROM {read}"
    joined = f"""SELECT labels.*, features.* EXCLUDE (user_id, instant) FROM read_parquet('{labels}') AS labels
        ASOF LEFT JOIN ({dated}) AS features
        ON labels.user_id = features.user_id AND labels.labelled_at >= features.instant"""
    yield f"COPY ({joined}) TO '{target}' (FORMAT parquet)"


def require_same_labels(one: Path, other: Path) -> None:
    """Raises AssertionError where a label met other features."""
    ours, theirs = (
        pl.scan_parquet(path).select(COMPARED).sort("label").collect() for path in (one / "*.parquet", other)
    )
    # A label of a moment before its user is known has no row in the one, and a date without a row in the other.
    nameless = pl.when(pl.col("view_count_all").is_not_null()).then("as_of_date").alias("as_of_date")
    assert_frame_equal(ours.with_columns(nameless), theirs, check_dtypes=False)
