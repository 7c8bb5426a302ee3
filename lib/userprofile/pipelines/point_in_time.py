"""Labels of any moment, each with the features of the latest as-of date by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from userprofile.pipelines.places import groups_by_place
from userprofile.pipelines.user_tables import DATE
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.ops import WrittenParts
from userprofile.spark.batches import declared_batches
from userprofile.spark.columnar import RowGroup, moving_rows
from userprofile.tables.parts import write_part
from userprofile.tables.row_groups import by_partition, columns_of, read_row_groups, row_groups
from userprofile.tables.store import Store, TableVersion
from userprofile.windows import AsOf

_PLACE = "place_of_features"

# As columnar.USER; one who is no pseudonym of ours has no features, wherever they are looked for.
_ANYBODY = pl.col("user_id").str.head(8).str.to_integer(base=16, dtype=pl.Int64, strict=False).fill_null(0)


def write_features_of_their_time(
    store: Store, labels: DataFrame, features: TableVersion, *, target: str, time: str, timezone: str
) -> TableVersion:
    """Put every row of `labels`, with `as_of_date` and the features that were the latest at its `time`, in the place of
    the table `target`.

    Labels have user_id and a timestamp `time`, and no column of features besides; `features` have a row per user and
    are partitioned by as_of_date, as gold.user_features is. Labels are moved to the files of their users; features are
    not moved. A date counts from its first moment in `timezone` on: what it knows lies before. Null where no date had
    begun, or where the latest one does not know the user: a date knows everyone whom an earlier one knew, so that no
    older row could stand in, and users who were erased have none. Raises as tables.row_groups.row_groups does.
    """
    path, version = store.path(features.table), features.version
    days, groups = _numbered(row_groups(path, version, made_by="build_features"), timezone)
    met = [field.with_nullable(True) for field in columns_of(path, version) if field.name not in ("user_id", DATE)]
    session_zone = labels.sparkSession.conf.get("spark.sql.session.timeZone")
    schema = pa.schema([*to_arrow_schema(labels.schema, timezone=session_zone), pa.field(DATE, pa.date32()), *met])
    meeting = _Met(groups, pa.schema([pa.field("user_id", pa.string()), *met]))
    places, root = 1 + sum(day.places for day in days), store.root

    def written(of_place: pl.DataFrame) -> pl.DataFrame:
        rows = declared_batches(meeting(of_place), schema)
        return pl.DataFrame([write_part(rows, schema, root=root, table=target)], WrittenParts.create_empty().schema)

    moved = moving_rows(labels, _Dated(days, time), by=pl.col(_PLACE), places=places)
    parts = moved.made_of_whole(written, schema=arrow_schema(WrittenParts))
    return store.replace_parts(pl.DataFrame(parts.toArrow()), target, schema)


@dataclass(frozen=True)
class _OfDate:
    """A date whose features lie at so many places, the first of which has this number among those of all dates."""

    as_of: AsOf
    places: int
    first: int


def _numbered(groups: Sequence[RowGroup], timezone: str) -> tuple[list[_OfDate], dict[int, Sequence[RowGroup]]]:
    """The dates in order, and the row groups of each place; that of no date is 0."""
    days: list[_OfDate] = []
    of_places: dict[int, Sequence[RowGroup]] = {}
    for day, of_day in sorted(by_partition(groups, DATE).items()):
        first = days[-1].first + days[-1].places if days else 1
        places, of_place = groups_by_place(of_day)
        days.append(_OfDate(AsOf.at(date.fromisoformat(day), timezone), places, first))
        of_places |= {first + place: some for place, some in of_place.items()}
    return days, of_places


@dataclass(frozen=True)
class _Dated:
    """Labels -> labels with the date of their features, and where these are."""

    days: Sequence[_OfDate]
    time: str

    def __call__(self, labels: pl.DataFrame) -> pl.DataFrame:
        time = pl.col(self.time).dt.convert_time_zone("UTC")
        begun, place = pl.lit(None, dtype=pl.Date), pl.lit(0, dtype=pl.Int64)
        for day in self.days:
            has_begun = time >= pl.lit(day.as_of.instant, dtype=pl.Datetime("us", "UTC"))
            begun = pl.when(has_begun).then(pl.lit(day.as_of.date)).otherwise(begun)
            place = pl.when(has_begun).then(day.first + _ANYBODY % day.places).otherwise(place)
        return labels.with_columns(begun.alias(DATE), place.alias(_PLACE))


@dataclass(frozen=True)
class _Met:
    """Labels of one place -> the same with their features."""

    groups: Mapping[int, Sequence[RowGroup]]
    columns: pa.Schema

    def __call__(self, labels: pl.DataFrame) -> pl.DataFrame:
        users = labels.select(pl.col("user_id").unique())
        # A file at a time: of its wide rows only those that are wanted stay.
        files = groupby(self.groups.get(labels[_PLACE][0], ()), key=itemgetter(0))
        rows = (pl.DataFrame(read_row_groups(list(some), self.columns)) for _, some in files)
        wanted = [some.join(users, on="user_id", how="semi") for some in rows]
        features = pl.concat([pl.DataFrame(self.columns.empty_table()), *wanted])
        return labels.drop(_PLACE).join(features, on="user_id", how="left")
