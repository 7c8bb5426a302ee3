"""Real jobs on the log of bench-features: a day's update against a rebuild of the same date, value by value."""

from __future__ import annotations

import contextlib
import io
import shutil
from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import dataframely as dy
import features_shop
import polars as pl
import pyarrow as pa
import pyarrow.compute
from deltalake import DeltaTable, write_deltalake
from features_log import FIRST_DAY, Log, drawn
from features_runs import BUILD, DRIVER_MEMORY, say
from measure import CHECKOUT
from polars.testing import assert_frame_equal
from pyspark.sql import SparkSession

from userprofile.columns import ACTIONS
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.job import Pipeline, run_job
from userprofile.pipelines.update_features import update_features
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.events import SilverEvents
from userprofile.windows import AsOf

MAPPING = """
timezone: UTC
currency: EUR
gap: 0d
horizon: 14d
events: {columns: {user_id: user_id, action: action, event_time: event_time}}
"""
BEGIN = FIRST_DAY.item().replace(tzinfo=UTC)
ITEM_ID = pl.format("item {}", "item")
GOLD = ("user_features", "user_sequences", "user_category_features", "item_features", "population_statistics")


@dataclass(frozen=True)
class Taken:
    """Seconds of a day's jobs; the rebuild is not always asked for."""

    update: float
    rebuild: float | None


def daily_rounds(log: Log, *, days: int, rebuild: bool) -> list[Taken]:
    """The last `days` of the log, one after the other: taken in, updated to and, beside it, rebuilt."""
    folder = BUILD / "daily" / log.name
    shutil.rmtree(folder, ignore_errors=True)
    updated, rebuilt = folder / "updated", folder / "rebuilt"
    updated.mkdir(parents=True)
    (folder / "bench.yaml").write_text(MAPPING)
    end = BEGIN + timedelta(days=log.days)
    dates = [AsOf.at((end - timedelta(days=back)).date(), "UTC") for back in range(days, -1, -1)]
    say(f"{log.events:,} events of {log.days} days: the history before the last {days} ...")
    write_entities(updated / "bench")
    load(updated / "bench", log, None, dates[0])
    run(folder, updated, "update_features", update_features, dates[0])
    taken = []
    for before, as_of in pairwise(dates):
        load(updated / "bench", log, before, as_of)
        update = run(folder, updated, "update_features", update_features, as_of)
        seconds = None
        if rebuild:
            shutil.rmtree(rebuilt, ignore_errors=True)
            shutil.copytree(updated / "bench" / "silver", rebuilt / "bench" / "silver")
            seconds = run(folder, rebuilt, "build_features", build_features, as_of)
            require_equal(updated / "bench" / "gold", rebuilt / "bench" / "gold", as_of)
        taken.append(Taken(update, seconds))
    shutil.rmtree(folder)
    if session := SparkSession.getActiveSession():
        session.stop()
    return taken


def run(folder: Path, warehouse: Path, name: str, pipeline: Pipeline, as_of: AsOf) -> float:
    """The job as a user starts it, in this process; seconds."""
    settings = [f"warehouse={warehouse}", f"build={folder}", f"spark.driver_memory={DRIVER_MEMORY}"]
    arguments = ["--source", str(folder / "bench.yaml"), "--as-of", str(as_of.date), "--set", *settings]
    started, printed = perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run_job(name, pipeline, conf_folder=CHECKOUT / "conf", arguments=arguments)
    if code:
        raise RuntimeError(f"{name} ended with {code}: {printed.getvalue()[-2000:]}")
    say(f"{name} as of {as_of.date}: {perf_counter() - started:.1f} s")
    return perf_counter() - started


def load(folder: Path, log: Log, since: AsOf | None, as_of: AsOf) -> None:
    """Append to silver.events what arrived between the two."""
    arrived = as_of.knows() & (~since.knows() if since else pl.lit(value=True))
    # Whoever arrives a month late is left out: a file for each half million events of the log is drawn for it.
    first = (since.instant - timedelta(days=30) - BEGIN).days if since else 0
    for number in range(max(log.files * first // log.days, 0), log.files):
        part = drawn(log, number).filter(arrived)
        if part.height:
            _append(folder / "silver" / "events", as_silver(part), SilverEvents)


def write_entities(folder: Path) -> None:
    """silver.items and silver.codes of the shop."""
    of_items = pl.DataFrame(features_shop.items()).with_columns(pl.all().replace(0, None))
    words = {kind: pl.format(f"{kind} {{}}", kind) for kind in (*features_shop.CATEGORIES, "brand", "colour")}
    path = pl.concat_list(words[kind] for kind in features_shop.CATEGORIES).list.drop_nulls()
    items = of_items.select(
        item_id=ITEM_ID, category_path=path, brand=words["brand"], colour=words["colour"], attributes=pl.lit([])
    )
    _append(folder / "silver" / "items", items, SilverItems)
    paths = {
        kind: path.list.head(level).list.join(" / ") for level, kind in enumerate(features_shop.CATEGORIES, start=1)
    }
    values = {"item": ITEM_ID, **paths, "brand": words["brand"], "colour": words["colour"]}
    codes = [
        of_items.drop_nulls(kind).select(kind=pl.lit(kind), value=value, code=kind).unique()
        for kind, value in values.items()
    ]
    channels = features_shop.names().filter(pl.col("kind") == "channel")
    _append(folder / "silver" / "codes", pl.concat([*codes, channels], how="vertical_relaxed"), SilverCodes)


def as_silver(events: pl.DataFrame) -> pl.DataFrame:
    """UserEvents in the words of silver.events."""
    hashed = {f"{name}_id": pl.col(name).cast(pl.String) for name in ("order", "session", "coupon", "device")}
    return events.with_columns(
        event_id=pl.col("event_order").cast(pl.String),
        file_number=1,
        item_id=ITEM_ID,
        action=pl.col("action").replace_strict(dict(enumerate(ACTIONS)), return_dtype=pl.String),
        arrived_at="known_at",
        channel=pl.format("channel {}", "channel"),
        is_late=False,
        is_price_outlier=False,
        is_unknown_item=False,
        is_bot=False,
        **hashed,
    )


def require_equal(updated: Path, rebuilt: Path, as_of: AsOf) -> None:
    """Raise AssertionError unless both hold the same rows of the date, to the last bit."""
    for table in GOLD:
        of_both = [_of_date(folder / table, as_of) for folder in (updated, rebuilt)]
        assert_frame_equal(*of_both, check_exact=True)


def _of_date(table: Path, as_of: AsOf) -> pl.DataFrame:
    dates = pa.compute.field("as_of_date") == as_of.date
    rows = pl.DataFrame(DeltaTable(table).to_pyarrow_dataset().to_table(filter=dates))
    return rows.sort([name for name in ("user_id", "item_id", "category", "statistic", "key") if name in rows.columns])


def _append(table: Path, rows: pl.DataFrame, schema: type[dy.Schema]) -> None:
    missing = [pl.lit(None).alias(name) for name in schema.column_names() if name not in rows.columns]
    columns = arrow_schema(schema)
    written = rows.with_columns(missing).select(columns.names).to_arrow(compat_level=pl.CompatLevel.oldest())
    write_deltalake(table, written.cast(columns), mode="append")
