"""gold's tables by user and date, which the workers that compute their rows write themselves.

Rows of hundreds of columns, and lists of hundreds of events, would otherwise go through the JVM value by value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dataframely as dy
import polars as pl
import pyarrow as pa

from userprofile.features.catalogue import user_features_schema
from userprofile.features.user_categories import READ, user_categories_per_user
from userprofile.pipelines.engine import Engine
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import UserCategoryFeatures, UserSequences
from userprofile.schemas.ops import WrittenParts
from userprofile.spark.per_user import declared_batches
from userprofile.tables.parts import PARTITION, write_part
from userprofile.windows import in_time_order

FEATURES, SEQUENCES, CATEGORIES = "gold.user_features", "gold.user_sequences", "gold.user_category_features"


@dataclass(frozen=True)
class Categories:
    """Which categories have features of their own per user."""

    level: int
    floor: int
    half_life_days: float


@dataclass(frozen=True)
class UserTables:
    """The function of whole users that leaves files of the tables below `root`."""

    engine: Engine
    categories: Categories
    root: str

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> WrittenParts: a file per table and as-of date with rows."""
        ordered = in_time_order(events)
        of_users = self.engine(ordered)
        of_categories = user_categories_per_user(
            ordered, as_ofs=self.engine.as_ofs, names=self.engine.names, **vars(self.categories)
        )
        rows = {FEATURES: of_users, SEQUENCES: of_users, CATEGORIES: of_categories}
        parts = [
            part
            for table, schema in self.tables().items()
            for part in write_dates(rows[table], arrow_schema(schema), root=self.root, table=table)
        ]
        return pl.DataFrame(parts, schema=WrittenParts.create_empty().schema)

    def tables(self) -> dict[str, type[dy.Schema]]:
        """The class of each table."""
        features = user_features_schema(self.engine.catalogue)
        return {FEATURES: features, SEQUENCES: UserSequences, CATEGORIES: UserCategoryFeatures}

    def reads(self) -> set[str]:
        """The columns of events that are needed; nothing else has to be moved."""
        return self.engine.reads() | {*READ, f"category_{self.categories.level}"}

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        return WrittenParts


def write_dates(rows: pl.DataFrame, schema: pa.Schema, *, root: str, table: str) -> list[dict[str, Any]]:
    """A file for each date that has rows; what `write_part` says of them."""
    columns = schema.remove(schema.get_field_index(PARTITION))
    dated = rows.select(PARTITION, *columns.names).partition_by(PARTITION, as_dict=True, include_key=False)
    return [
        write_part(declared_batches(of_date, columns), columns, root=root, table=table, day=day)
        for (day,), of_date in dated.items()
    ]
