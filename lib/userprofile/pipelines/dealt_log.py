"""The log as whole-user functions read it out of silver.user_events: whole users lie together, and nothing is moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import dataframely as dy
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from userprofile.pipelines.coded_log import ITEM, OfUsers, coding_of
from userprofile.pipelines.steps import Run, Step
from userprofile.pipelines.user_events import BUCKET, TABLE
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import SilverUserEvents
from userprofile.spark.columnar import Moving, Read, RowGroup, moving, rows_of
from userprofile.tables.row_groups import by_partition, read_row_groups, row_groups


@dataclass(frozen=True)
class DealtLog:
    """silver.user_events, with what items are now. Bots are left out of anything that is learnt from."""

    spark: SparkSession
    buckets: Sequence[Sequence[RowGroup]]
    items: pl.DataFrame  # rows of item_codes
    places: int  # one for each bucket, also of those without events

    def counts(
        self, function: Callable[[pl.DataFrame], pl.DataFrame], schema: type[dy.Schema], *, reads: Sequence[str]
    ) -> DataFrame:
        """What `function` makes of events of people, a bucket at a time."""
        return self._per_bucket(function, schema, reads, bots=False)

    def per_user(self, function: OfUsers, *, bots: bool, where: pl.Expr | None = None) -> DataFrame:
        """What `function` makes of whole users, a bucket at a time.

        Of all users or, without `bots`, of people; of the events `where` something holds, or of all.
        """
        columns = [*SilverUserEvents.column_names(), *self.items.columns]
        reads = [name for name in dict.fromkeys(columns) if name in function.reads()]
        return self._per_bucket(function, function.schema(), reads, bots=bots, where=where)

    def per_item(self, count: Callable[[pl.DataFrame], pl.DataFrame], *, reads: Sequence[str]) -> Moving:
        """What `count` makes of the events with an item of people, the rows of an item on their way to one place.

        An item has a row for each bucket.
        """
        read = self._reading(reads, bots=False, where=pl.col("item").is_not_null())
        return moving(self.spark, self.buckets, lambda groups: count(read(groups)), by=ITEM, places=self.places)

    def _per_bucket(
        self,
        function: Callable[[pl.DataFrame], pl.DataFrame],
        schema: type[dy.Schema],
        reads: Sequence[str],
        *,
        bots: bool,
        where: pl.Expr | None = None,
    ) -> DataFrame:
        read = self._reading(reads, bots=bots, where=where)
        return rows_of(self.spark, self.buckets, lambda groups: function(read(groups)), schema=arrow_schema(schema))

    def _reading(self, reads: Sequence[str], *, bots: bool, where: pl.Expr | None) -> Read:
        of_item = [name for name in reads if name in self.items.columns and name != "item"]
        return partial(_events, items=self.items.select("item", *of_item), reads=reads, bots=bots, where=where)


def dealt_log(run: Run, dealt: Step) -> DealtLog:
    """The log at the version that the step left, with the present items."""
    pinned = dealt.output(TABLE)
    groups = row_groups(run.store.path(TABLE), pinned.version, made_by="update_features")
    buckets = list(by_partition(groups, BUCKET).values())
    return DealtLog(run.spark, buckets, coding_of(run).items, dealt.outcome.metrics["buckets"])


def _events(
    groups: Sequence[RowGroup], *, items: pl.DataFrame, reads: Sequence[str], bots: bool, where: pl.Expr | None
) -> pl.DataFrame:
    of_item = [name for name in items.columns if name != "item"]
    read = {*reads, *(["item"] if of_item else []), *([] if bots else ["user_id", "is_bot"])} - set(of_item)
    schema = pa.schema([field for field in arrow_schema(SilverUserEvents) if field.name in read])
    events = pl.DataFrame(read_row_groups(groups, schema))
    if not bots:
        flagged = events.filter("is_bot")["user_id"].unique()
        events = events.filter(~pl.col("user_id").is_in(flagged.implode()))
    if of_item:
        events = events.join(items, on="item", how="left", maintain_order="left")
    return events.select(reads) if where is None else events.filter(where).select(reads)
