"""Rows of a worker become files of a table, one for each value of its partition column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dataframely as dy
import polars as pl

from userprofile.pipelines.coded_log import OfUsers
from userprofile.pipelines.places import place_label
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.ops import WrittenParts
from userprofile.spark.batches import declared_batches
from userprofile.tables.parts import write_part


@dataclass(frozen=True)
class WritingParts:
    """A function of whole users whose rows become files of one table below `root`."""

    function: OfUsers
    root: str
    table: str
    partition: str
    places: int  # that users are dealt to; names of files say whose rows they hold

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> WrittenParts."""
        rows, schema = self.function(events), self.function.schema()
        label = place_label(events, self.places)
        return written_parts(rows, schema, root=self.root, table=self.table, partition=self.partition, label=label)

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return self.function.reads()

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        return WrittenParts


def written_parts(
    rows: pl.DataFrame, schema: type[dy.Schema], *, root: str, table: str, partition: str, label: str = ""
) -> pl.DataFrame:
    """Write the columns of `schema` below `root`, a store's; WrittenParts, for Store.replace_parts to take in.

    Names of files begin with the label.
    Values are cast to the declared types; raises UserprofileError where that loses something.
    """
    columns = arrow_schema(schema)
    columns = columns.remove(columns.get_field_index(partition))
    parts = [
        write_part(
            declared_batches(some.select(columns.names), columns),
            columns,
            root=root,
            table=table,
            partition=partition,
            value=str(value),
            label=label,
        )
        for value, some in _by_value(rows, partition)
    ]
    return pl.DataFrame(parts, schema=WrittenParts.create_empty().schema)


def _by_value(rows: pl.DataFrame, partition: str) -> Iterator[tuple[Any, pl.DataFrame]]:
    """Slices where rows stand by the value already, since copies of long lists take long."""
    ordered = rows if rows[partition].is_sorted() else rows.sort(partition, maintain_order=True)
    lengths, values = ordered.select(pl.col(partition).rle()).unnest(partition).get_columns()
    starts = lengths.cum_sum() - lengths
    for value, start, length in zip(values, starts, lengths, strict=True):
        yield value, ordered.slice(start, length)
