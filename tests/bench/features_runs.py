"""Single runs of bench-features: their seconds, the memory of their processes, and the bytes they moved."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import features_duckdb
import features_job as job
import features_labels
import features_pyspark
import polars as pl
import pyarrow.parquet as pq
from features_log import EVENTS_PER_FILE, Log, drawn
from features_memory import PeakMemory
from measure import CHECKOUT
from pyspark.sql import DataFrame, SparkSession

from userprofile.features.entries import Catalogue
from userprofile.spark.session import build_session
from userprofile.windows import AsOf

BUILD = CHECKOUT / "build" / "bench-features"
CORES = len(os.sched_getaffinity(0))
DRIVER_MEMORY = "6g"  # as in conf/base.yaml
EVENTS_PER_PARTITION = 1_000_000  # as in conf/base.yaml
WARM_UP = Log(events=200_000, users=4_000)


@dataclass(frozen=True)
class Taken:
    """What one run of the job took; sizes in MiB by kind of process, traffic in bytes."""

    seconds: float
    mebibytes: dict[str, float]
    read: int
    shuffled: int
    written: int


def written(log: Log) -> Path:
    """The folder of the log's Parquet files; drawn where this code has not drawn it yet."""
    complete = BUILD / "logs" / log.name
    if not complete.exists():
        unfinished = complete.with_name("unfinished")
        say(f"drawing {log.events:,} events of {log.users:,} users ...")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for number in range(log.files):
            file = unfinished / f"part-{number:05d}.parquet"
            drawn(log, number).write_parquet(file, compression="snappy", row_group_size=EVENTS_PER_FILE // 4)
        unfinished.rename(complete)
    return complete


@contextmanager
def fresh_session() -> Iterator[SparkSession]:
    """A session with Python workers of its own, which have computed next to nothing yet; the JVM stays warm."""
    spark = build_session(
        application="bench-features",
        master="local[*]",
        driver_memory=DRIVER_MEMORY,
        shuffle_partitions=2 * CORES,
        settings={"spark.local.dir": str(BUILD / "local"), "spark.sql.warehouse.dir": str(BUILD / "spark-warehouse")},
        verbose=False,
    )
    try:
        events = spark.read.parquet(str(written(WARM_UP)))
        run_job(spark, written(WARM_UP), job.fifty_columns(), "warm_up", as_ofs=[job.AS_OF], partitions=CORES)
        save(features_pyspark.user_rows(events, job.AS_OF), "warm_up")
        yield spark
    finally:
        spark.stop()


def result(name: str) -> Path:
    """The folder of a result's Parquet files."""
    return BUILD / "results" / name


def save(rows: DataFrame, name: str) -> float:
    """Compute and write the rows; seconds."""
    started = perf_counter()
    rows.write.mode("overwrite").parquet(str(result(name)))
    return perf_counter() - started


def run_job(
    spark: SparkSession,
    log: Path,
    wanted: Catalogue,
    name: str,
    *,
    as_ofs: Sequence[AsOf],
    partitions: int,
    statistics: pl.DataFrame | None = None,
) -> float:
    """The library's job; seconds."""
    folder = result(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    started = perf_counter()
    job.write(spark, log, wanted, folder, as_ofs=as_ofs, partitions=partitions, statistics=statistics)
    return perf_counter() - started


def partitions_of(events: int, *, at_most: int = EVENTS_PER_PARTITION) -> int:
    """As many as the job would make of so many events."""
    return max(-(-events // at_most), CORES)


def by_duckdb(log: Path, as_of: AsOf) -> float:
    """Seconds of the job; in a process of its own, whose memory goes with it."""
    folder = result(f"DuckDB_{as_of.date}")
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(features_duckdb.run, log, folder / "rows.parquet", as_of).result()


def speed_round(log: Log) -> dict[str, float]:
    """Seconds of each engine, one after the other, by name of the result."""
    folder = written(log)
    of_dates = {as_of: by_duckdb(folder, as_of) for as_of in job.AS_OFS}
    seconds = {"DuckDB": of_dates[job.AS_OF], "DuckDB, 8 runs": sum(of_dates.values())}
    with fresh_session() as spark:
        events, partitions = spark.read.parquet(str(folder)), partitions_of(log.events)

        def ours(name: str, wanted: Catalogue, as_ofs: Sequence[AsOf]) -> float:
            return run_job(spark, folder, wanted, name, as_ofs=as_ofs, partitions=partitions)

        seconds["ours"] = ours("ours", job.fifty_columns(), [job.AS_OF])
        seconds["PySpark"] = save(features_pyspark.user_rows(events, job.AS_OF), "PySpark")
        seconds["ours, 8 dates"] = ours("ours, 8 dates", job.fifty_columns(), job.AS_OFS)
        seconds |= label_round(spark, labels=log.events // 20)
        started = perf_counter()
        statistics = job.population(spark, folder, as_ofs=[job.AS_OF], partitions=partitions)
        seconds["population"] = perf_counter() - started
        seconds["whole catalogue"] = seconds["population"] + run_job(
            spark,
            folder,
            job.whole_catalogue(),
            "whole catalogue",
            as_ofs=[job.AS_OF],
            partitions=partitions,
            statistics=statistics,
        )
    return seconds


def label_round(spark: SparkSession, *, labels: int) -> dict[str, float]:
    """Seconds of joining so many labels to the features of eight dates; compared before they count."""
    drawn, features, joined = result("labels") / "labels.parquet", result("ours, 8 dates"), result("ASOF.parquet")
    features_labels.write_labels(features, drawn, labels=labels)
    seconds = {
        "ours, labels": features_labels.by_library(spark, drawn, features, result("labels, joined")),
        "DuckDB, labels": features_labels.by_duckdb(drawn, features, joined),
    }
    features_labels.require_same_labels(result("labels, joined"), joined)
    return seconds


def size_run(log: Log, *, events_per_partition: int) -> Taken:
    """The job on the log, with fresh workers."""
    folder = written(log)
    with fresh_session() as spark, PeakMemory() as memory:
        before = shuffled_bytes(spark)
        seconds = run_job(
            spark,
            folder,
            job.fifty_columns(),
            "size",
            as_ofs=[job.AS_OF],
            partitions=partitions_of(log.events, at_most=events_per_partition),
        )
        shuffled = shuffled_bytes(spark) - before
    read = column_bytes(folder, job.columns_read(job.fifty_columns()))
    size = sum(file.stat().st_size for file in result("size").rglob("*.parquet"))
    return Taken(seconds, dict(memory.mebibytes), read, shuffled, size)


def shuffled_bytes(spark: SparkSession) -> int:
    """Written by shuffles since the session began, compressed, as Spark has counted them."""
    executors = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    return sum(executors.apply(place).totalShuffleWrite() for place in range(executors.size()))


def column_bytes(folder: Path, columns: Sequence[str]) -> int:
    """Compressed size of the columns in a folder's Parquet files."""
    groups = (
        metadata.row_group(number)
        for metadata in map(pq.read_metadata, sorted(folder.glob("*.parquet")))
        for number in range(metadata.num_row_groups)
    )
    chunks = (group.column(place) for group in groups for place in range(group.num_columns))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
