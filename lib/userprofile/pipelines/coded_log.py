"""The log as whole-user functions read it: silver's files past the JVM, coded where they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import dataframely as dy
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from userprofile.events.user_events import ITEM_WORDS, Coding, item_codes
from userprofile.pipelines.steps import Run
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.events import SilverEvents, UserEvents
from userprofile.spark.columnar import USER, RowGroup, rows_of, whole_of
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion


class OfUsers(Protocol):
    """A pure function of whole users that says what it reads of their events and what its rows are."""

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame: ...

    def reads(self) -> set[str]: ...

    def schema(self) -> type[dy.Schema]: ...


@dataclass(frozen=True)
class Reading:
    """Row groups of silver.events -> the wanted columns of UserEvents `where` something holds, or of all; without those
    of the users `without`."""

    coding: Coding
    wanted: Sequence[str]
    without: Sequence[str] = ()
    where: pl.Expr | None = None

    def __call__(self, groups: Sequence[RowGroup]) -> pl.DataFrame:
        user = ["user_id"] if self.without else []
        events = pl.DataFrame(read_row_groups(groups, _silver(*self.coding.reads(self.wanted), *user)))
        if self.without:
            events = events.filter(~pl.col("user_id").is_in(self.without))
        coded = self.coding(events, self.wanted)
        return coded if self.where is None else coded.filter(self.where)

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
    partitions: int  # of about as many events as one worker holds

    def people(self) -> DataFrame:
        """UserEvents of users who are no bots."""
        reading = Reading(self.coding, self.coding.columns(), self.bots)
        return rows_of(self.spark, self.groups, reading, schema=reading.schema(), tasks=self.partitions)

    def counts(
        self, function: Callable[[pl.DataFrame], pl.DataFrame], schema: type[dy.Schema], *, reads: Sequence[str]
    ) -> DataFrame:
        """What `function` makes of events of people, whosever and as many at a time as a worker reads."""
        reading = Reading(self.coding, reads, self.bots)
        return rows_of(
            self.spark,
            self.groups,
            lambda groups: function(reading(groups)),
            schema=arrow_schema(schema),
            tasks=self.partitions,
        )

    def per_user(self, function: OfUsers, *, bots: bool, where: pl.Expr | None = None) -> DataFrame:
        """What `function` makes of whole users, in partitions of about as many events as one worker holds.

        Of all users or, without `bots`, of people; of the events `where` something holds, or of all.
        """
        reads = [name for name in self.coding.columns() if name in function.reads()]
        return self.whole(function, USER, reads, arrow_schema(function.schema()), bots=bots, where=where)

    def whole(
        self,
        function: Callable[[pl.DataFrame], pl.DataFrame],
        by: pl.Expr,
        reads: Sequence[str],
        schema: pa.Schema,
        *,
        bots: bool,
        where: pl.Expr | None = None,
    ) -> DataFrame:
        """The same of all events that share `by`, a number made of the columns that are read."""
        reading = Reading(self.coding, reads, () if bots else self.bots, where)
        return whole_of(
            self.spark,
            self.groups,
            reading,
            function,
            by=by,
            schema=schema,
            tasks=self.partitions,
            partitions=self.partitions,
        )


def coded_log(run: Run, events: TableVersion) -> CodedLog:
    """The log at `events`, coded by the present items."""
    settings = run.config.build_features
    codes = run.store.small(run.pinned("silver.codes", made_by="refine_events"), SilverCodes)
    items = run.store.small(run.pinned("silver.items", made_by="refine_events"), SilverItems, *ITEM_WORDS)
    coded = item_codes(items, codes, attributes=settings.item_attributes)
    coding = Coding(coded, codes.filter(pl.col("kind") == "channel"), settings.arrival_lag)
    groups = row_groups(run.store.path(events.table), events.version, made_by="refine_events")
    partitions = max(-(-events.rows // settings.events_per_partition), run.spark.sparkContext.defaultParallelism)
    bots = rows_of(run.spark, groups, _bots, schema=_silver("user_id"), tasks=partitions).distinct().toArrow()
    return CodedLog(run.spark, groups, coding, bots["user_id"].to_pylist(), partitions)


def _bots(groups: Sequence[RowGroup]) -> pl.DataFrame:
    flagged = pl.DataFrame(read_row_groups(groups, _silver("user_id", "is_bot"))).filter("is_bot")
    return flagged.select("user_id").unique()


def _silver(*names: str) -> pa.Schema:
    return pa.schema([field for field in arrow_schema(SilverEvents) if field.name in names])
