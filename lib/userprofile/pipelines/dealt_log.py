"""The log as whole-user functions read it out of silver.user_events: whole users lie together, and nothing is moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import dataframely as dy
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from userprofile.pipelines.coded_log import OfUsers, coding_of
from userprofile.pipelines.steps import Run, Step
from userprofile.pipelines.user_events import BUCKET, TABLE
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import SilverUserEvents
from userprofile.spark.columnar import RowGroup, rows_of
from userprofile.tables.row_groups import by_partition, read_row_groups, row_groups


@dataclass(frozen=True)
class DealtLog:
    """silver.user_events, with what items are now. Bots are left out of anything that is learnt from."""

    spark: SparkSession
    buckets: Sequence[Sequence[RowGroup]]
    items: pl.DataFrame  # rows of item_codes

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

    def per_item(
        self, function: Callable[[pl.DataFrame], pl.DataFrame], schema: type[dy.Schema], *, reads: Sequence[str]
    ) -> DataFrame:
        """What `function` makes of the events with an item of people: an item has a row for each bucket."""
        return self._per_bucket(function, schema, reads, bots=False, where=pl.col("item").is_not_null())

    def _per_bucket(
        self,
        function: Callable[[pl.DataFrame], pl.DataFrame],
        schema: type[dy.Schema],
        reads: Sequence[str],
        *,
        bots: bool,
        where: pl.Expr | None = None,
    ) -> DataFrame:
        of_item = [name for name in reads if name in self.items.columns and name != "item"]
        items = self.items.select("item", *of_item)
        read = partial(_events, items=items, reads=reads, bots=bots, where=where)
        return rows_of(self.spark, self.buckets, lambda groups: function(read(groups)), schema=arrow_schema(schema))


def dealt_log(run: Run, dealt: Step) -> DealtLog:
    """The log at the version that the step left, with the present items."""
    pinned = dealt.output(TABLE)
    groups = row_groups(run.store.path(TABLE), pinned.version, made_by="update_features")
    return DealtLog(run.spark, list(by_partition(groups, BUCKET).values()), coding_of(run).items)


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
