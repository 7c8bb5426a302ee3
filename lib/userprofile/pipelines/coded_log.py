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
from userprofile.spark.columnar import USER, Moving, RowGroup, dealt, moving, rows_of
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion

# All events of a popular item would be too many for one worker: its users are split over as many.
ITEM_PARTS = 16
ITEM = pl.col("item").cast(pl.Int64)
_ITEM_AND_PART = ITEM * ITEM_PARTS + USER % ITEM_PARTS


class OfUsers(Protocol):
    """A pure function of whole users that says what it reads of their events and what its rows are."""

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame: ...

    def reads(self) -> set[str]: ...

    def schema(self) -> type[dy.Schema]: ...


class Log(Protocol):
    """What features are built of: events coded, by the user or by the item."""

    @property
    def items(self) -> pl.DataFrame: ...

    @property
    def places(self) -> int: ...

    def counts(
        self, function: Callable[[pl.DataFrame], pl.DataFrame], schema: type[dy.Schema], *, reads: Sequence[str]
    ) -> DataFrame: ...

    def per_user(self, function: OfUsers, *, bots: bool, where: pl.Expr | None = None) -> DataFrame: ...

    def per_item(self, count: Callable[[pl.DataFrame], pl.DataFrame], *, reads: Sequence[str]) -> Moving: ...


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
        events = pl.DataFrame(read_row_groups(groups, silver_schema(*self.coding.reads(self.wanted), *user)))
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
    places: int  # of about as many events as one worker holds

    @property
    def items(self) -> pl.DataFrame:
        """Rows of item_codes."""
        return self.coding.items

    def people(self) -> DataFrame:
        """UserEvents of users who are no bots."""
        reading = Reading(self.coding, self.coding.columns(), self.bots)
        return rows_of(self.spark, dealt(self.groups, self.places), reading, schema=reading.schema())

    def counts(
        self, function: Callable[[pl.DataFrame], pl.DataFrame], schema: type[dy.Schema], *, reads: Sequence[str]
    ) -> DataFrame:
        """What `function` makes of events of people, whosever and as many at a time as a worker reads."""
        reading = Reading(self.coding, reads, self.bots)
        return rows_of(
            self.spark,
            dealt(self.groups, self.places),
            lambda groups: function(reading(groups)),
            schema=arrow_schema(schema),
        )

    def per_user(self, function: OfUsers, *, bots: bool, where: pl.Expr | None = None) -> DataFrame:
        """What `function` makes of whole users, in places of about as many events as one worker holds.

        Of all users or, without `bots`, of people; of the events `where` something holds, or of all.
        """
        reads = [name for name in self.coding.columns() if name in function.reads()]
        whole = self._moving(Reading(self.coding, reads, () if bots else self.bots, where), by=USER)
        return whole.made_of_whole(function, schema=arrow_schema(function.schema()))

    def per_item(self, count: Callable[[pl.DataFrame], pl.DataFrame], *, reads: Sequence[str]) -> Moving:
        """What `count` makes of the events with an item of people, the rows of an item on their way to one place.

        An item has up to ITEM_PARTS rows.
        """
        reading = Reading(self.coding, reads, self.bots, pl.col("item").is_not_null())
        return self._moving(reading, by=_ITEM_AND_PART).moved_on(count, by=ITEM, places=self.places)

    def _moving(self, reading: Reading, *, by: pl.Expr) -> Moving:
        work = dealt(self.groups, self.places)
        return moving(self.spark, work, reading, by=by, places=self.places)


def coded_log(run: Run, events: TableVersion) -> CodedLog:
    """The log at `events`, coded by the present items."""
    settings = run.config.build_features
    groups = row_groups(run.store.path(events.table), events.version, made_by="refine_events")
    places = max(-(-events.rows // settings.events_per_partition), run.spark.sparkContext.defaultParallelism)
    bots = rows_of(run.spark, dealt(groups, places), _bots, schema=silver_schema("user_id")).distinct().toArrow()
    return CodedLog(run.spark, groups, coding_of(run), bots["user_id"].to_pylist(), places)


def coding_of(run: Run, *, items: TableVersion | None = None, codes: TableVersion | None = None) -> Coding:
    """By these versions of silver.items and silver.codes, else by the present ones."""
    settings = run.config.build_features
    codes = codes or run.pinned("silver.codes", made_by="refine_events")
    items = items or run.pinned("silver.items", made_by="refine_events")
    words = run.store.small(codes, SilverCodes)
    coded = item_codes(run.store.small(items, SilverItems, *ITEM_WORDS), words, attributes=settings.item_attributes)
    return Coding(coded, words.filter(pl.col("kind") == "channel"), settings.arrival_lag)


def _bots(groups: Sequence[RowGroup]) -> pl.DataFrame:
    flagged = pl.DataFrame(read_row_groups(groups, silver_schema("user_id", "is_bot"))).filter("is_bot")
    return flagged.select("user_id").unique()


def silver_schema(*names: str) -> pa.Schema:
    """These columns of silver.events, in the table's order."""
    return pa.schema([field for field in arrow_schema(SilverEvents) if field.name in names])
