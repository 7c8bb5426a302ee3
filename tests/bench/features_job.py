"""The job that bench-features measures, as the library does it: fifty columns and the last fifty events per user."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import features_shop
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from userprofile.columns import Action
from userprofile.features.catalogue import DEFAULT_WINDOWS, catalogue, compose
from userprofile.features.entries import Catalogue
from userprofile.features.population_counts import COUNTED, BuyersValues, PopulationCounts, population_counts
from userprofile.features.vocabulary import BOUGHT
from userprofile.pipelines.engine import Engine
from userprofile.pipelines.population import statistics_of
from userprofile.pipelines.written_parts import WritingParts
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import UserEvents
from userprofile.schemas.gold import PopulationStatistics
from userprofile.spark.columnar import USER, RowGroup, dealt, moving, rows_of
from userprofile.tables.row_groups import read_row_groups
from userprofile.tables.store import Store
from userprofile.windows import ALL_HISTORY, AsOf

TIMEZONE = "UTC"
AS_OF = AsOf.at(dt.date(2024, 6, 29), TIMEZONE)  # the day after the log's last
AS_OFS = [AsOf.at(AS_OF.date - dt.timedelta(days=14 * back), TIMEZONE) for back in range(8)]
WINDOWS = (*DEFAULT_WINDOWS, ALL_HISTORY)
HALF_LIFE_DAYS, TOP, LAST_EVENTS = 30.0, 10, 50

ACTIONS = (Action.VIEW, Action.CART, Action.FAVOURITE, Action.PURCHASE)
RANKED = ("category_2", "brand")
FIFTY = (
    *(f"{action}_count_{window.name}" for action in ACTIONS for window in WINDOWS),
    *(
        f"{what}_{window.name}"
        for what in ("active_days", "spend", "orders", "average_order_value")
        for window in WINDOWS
    ),
    *(f"days_since_{what}" for what in (*ACTIONS, "any")),
    "tenure_days",
    "distinct_items_all",
    "discount_share",
    *(f"{kind}_affinity" for kind in RANKED),
)


def whole_catalogue() -> Catalogue:
    """Every feature that the library has."""
    return catalogue(timezone=TIMEZONE, half_life_days=HALF_LIFE_DAYS, affinity_top=TOP)


def fifty_columns() -> Catalogue:
    """Those of FIFTY; KeyError where the library no longer has one."""
    every = {feature.name: feature for feature in whole_catalogue().features}
    return compose([every[name] for name in FIFTY])


def columns_read(wanted: Catalogue) -> list[str]:
    """What the job reads of an event, so that nothing else is shuffled."""
    read = Engine([], wanted, LAST_EVENTS, PopulationStatistics.create_empty(), features_shop.names()).reads()
    return [name for name in UserEvents.columns() if name in read]


def groups_of(log: Path) -> list[RowGroup]:
    """The row groups of the log's files."""
    footers = {str(file): pq.read_metadata(file) for file in sorted(log.glob("*.parquet"))}
    return [
        (file, place, footer.row_group(place).num_rows)
        for file, footer in footers.items()
        for place in range(footer.num_row_groups)
    ]


def reading(columns: Sequence[str]) -> Callable[[Sequence[RowGroup]], pl.DataFrame]:
    """Row groups of the log's files -> these columns."""
    schema = pa.schema([arrow_schema(UserEvents).field(name) for name in columns])
    return lambda groups: pl.DataFrame(read_row_groups(groups, schema))


def population(spark: SparkSession, log: Path, *, as_ofs: Sequence[AsOf], partitions: int) -> pl.DataFrame:
    """gold.population_statistics, as the library counts them in two passes."""
    groups, buyers = groups_of(log), BuyersValues(as_ofs)
    read_counted, read_bought = (
        reading(COUNTED),
        reading([name for name in UserEvents.columns() if name in buyers.reads()]),
    )
    counts = rows_of(
        spark,
        dealt(groups, partitions),
        lambda some: population_counts(read_counted(some), as_ofs=as_ofs),
        schema=arrow_schema(PopulationCounts),
    )
    bought = moving(
        spark, dealt(groups, partitions), lambda some: read_bought(some).filter(BOUGHT), by=USER, places=partitions
    )
    values = bought.made_of_whole(buyers, schema=arrow_schema(buyers.schema()))
    return statistics_of(counts, values, as_ofs=as_ofs)


def write(
    spark: SparkSession,
    log: Path,
    wanted: Catalogue,
    folder: Path,
    *,
    as_ofs: Sequence[AsOf],
    partitions: int,
    statistics: pl.DataFrame | None = None,
) -> None:
    """Write a Delta table of a row per user and date; the whole catalogue needs the `statistics` of `population`."""
    counted = PopulationStatistics.create_empty() if statistics is None else statistics
    engine = Engine(as_ofs, wanted, LAST_EVENTS, counted, features_shop.names())
    writing = WritingParts(engine, str(folder.parent), folder.name, partition="as_of_date", places=partitions)
    users = moving(spark, dealt(groups_of(log), partitions), reading(columns_read(wanted)), by=USER, places=partitions)
    parts = pl.DataFrame(users.made_of_whole(writing, schema=arrow_schema(writing.schema())).toArrow())
    store = Store(spark, str(folder.parent))
    store.replace_parts(parts, folder.name, engine.schema(), partition="as_of_date")
