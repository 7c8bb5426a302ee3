"""The function of whole users that starts from their rows of an earlier date instead of from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from userprofile.features.catalogue import user_features_schema
from userprofile.features.update import updated_features
from userprofile.pipelines.engine import Engine
from userprofile.pipelines.places import place_of
from userprofile.schemas.arrow import arrow_schema
from userprofile.spark.columnar import RowGroup
from userprofile.tables.row_groups import read_row_groups
from userprofile.windows import AsOf


@dataclass(frozen=True)
class Earlier:
    """gold.user_features as of an earlier date, in files of the places that users are dealt to."""

    as_of: AsOf
    loaded: int  # the version of silver.events that it was made of
    groups: Mapping[int, Sequence[RowGroup]]  # by place
    places: int


@dataclass(frozen=True)
class Updating(Engine):
    """The engine of one date that brings features from an earlier one's. UserEvents come with `loaded`."""

    earlier: Earlier = field(kw_only=True)

    def features(self, ordered: pl.DataFrame) -> pl.DataFrame:
        """The same rows, of the events of a place's users."""
        (as_of,) = self.as_ofs
        return updated_features(
            ordered.with_columns(is_new=pl.col("loaded") > self.earlier.loaded),
            self._earlier_rows(ordered),
            since=self.earlier.as_of,
            as_of=as_of,
            catalogue=self.catalogue,
            statistics=self.statistics,
            names=self.names,
        )

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return super().reads() | {"loaded"}

    def _earlier_rows(self, events: pl.DataFrame) -> pl.DataFrame:
        rows = user_features_schema(self.catalogue)
        groups = self.earlier.groups.get(place_of(events, self.earlier.places), ())
        if not groups:
            return rows.create_empty()
        fields = pa.schema([field for field in arrow_schema(rows) if field.name != "as_of_date"])
        return pl.DataFrame(read_row_groups(groups, fields)).with_columns(as_of_date=pl.lit(self.earlier.as_of.date))
