"""The log as whole-user functions read it: silver's files past the JVM, coded where they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from userprofile.events.user_events import ITEM_WORDS, Coding, item_codes
from userprofile.pipelines.steps import Run
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.events import SilverEvents, UserEvents
from userprofile.spark.columnar import RowGroup, per_user_of, rows_of
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion


@dataclass(frozen=True)
class Reading:
    """Row groups of silver.events -> the wanted columns of UserEvents, without those of the users `without`."""

    coding: Coding
    wanted: Sequence[str]
    without: Sequence[str] = ()

    def __call__(self, groups: Sequence[RowGroup]) -> pl.DataFrame:
        user = ["user_id"] if self.without else []
        events = pl.DataFrame(read_row_groups(groups, _silver(*self.coding.reads(self.wanted), *user)))
        if self.without:
            events = events.filter(~pl.col("user_id").is_in(self.without))
        return self.coding(events, self.wanted)

    def schema(self) -> pa.Schema:
        """The columns of what it returns; all but those of UserEvents are codes."""
        known = arrow_schema(UserEvents)
        code = pa.int32()
        return pa.schema([known.field(name) if name in known.names else pa.field(name, code) for name in self.wanted])


@dataclass(frozen=True)
class CodedLog:
    """Silver tables in codes. Bots are left out of anything that is learnt from."""

    spark: SparkSession
    groups: Sequence[RowGroup]
    coding: Coding
    bots: Sequence[str]  # users, since events taken in before a user was known for a bot carry no flag
    tasks: int

    def people(self, *wanted: str) -> DataFrame:
        """The wanted columns of UserEvents, all where none is named, of users who are no bots."""
        reading = Reading(self.coding, wanted or self.coding.columns(), self.bots)
        return rows_of(self.spark, self.groups, reading, schema=reading.schema(), tasks=self.tasks)

    def per_user(
        self,
        function: Callable[[pl.DataFrame], pl.DataFrame],
        *,
        reads: set[str],
        schema: pa.Schema,
        partitions: int,
        bots: bool,
    ) -> DataFrame:
        """What `function` makes of whole users' UserEvents, of which it reads some columns; of `bots` too, or not."""
        wanted = [name for name in self.coding.columns() if name in reads]
        reading = Reading(self.coding, wanted, () if bots else self.bots)
        return per_user_of(
            self.spark, self.groups, reading, function, schema=schema, tasks=self.tasks, partitions=partitions
        )


def coded_log(run: Run, events: TableVersion) -> CodedLog:
    """The log at `events`, coded by the present items."""
    settings = run.config.build_features
    codes = run.store.small(run.pinned("silver.codes", made_by="refine_events"), SilverCodes)
    items = run.store.small(run.pinned("silver.items", made_by="refine_events"), SilverItems, *ITEM_WORDS)
    coded = item_codes(items, codes, attributes=settings.item_attributes)
    coding = Coding(coded, codes.filter(pl.col("kind") == "channel"), settings.arrival_lag)
    groups = row_groups(run.store.path(events.table), events.version, made_by="refine_events")
    tasks = max(-(-events.rows // settings.events_per_partition), run.spark.sparkContext.defaultParallelism)
    bots = rows_of(run.spark, groups, _bots, schema=_silver("user_id"), tasks=tasks).distinct().toArrow()
    return CodedLog(run.spark, groups, coding, bots["user_id"].to_pylist(), tasks)


def _bots(groups: Sequence[RowGroup]) -> pl.DataFrame:
    flagged = pl.DataFrame(read_row_groups(groups, _silver("user_id", "is_bot"))).filter("is_bot")
    return flagged.select("user_id").unique()


def _silver(*names: str) -> pa.Schema:
    return pa.schema([field for field in arrow_schema(SilverEvents) if field.name in names])
