"""gold's tables by user and date, which the workers that compute their rows write themselves.

Rows of hundreds of columns, and lists of hundreds of events, would otherwise go through the JVM value by value.
"""

from __future__ import annotations

from dataclasses import dataclass

import dataframely as dy
import polars as pl

from userprofile.features.catalogue import user_features_schema
from userprofile.features.user_categories import READ, user_categories_per_user
from userprofile.pipelines.engine import Engine
from userprofile.pipelines.places import place_label
from userprofile.pipelines.written_parts import written_parts
from userprofile.schemas.gold import UserCategoryFeatures, UserSequences
from userprofile.schemas.ops import WrittenParts
from userprofile.windows import in_time_order

DATE = "as_of_date"
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
    places: int  # that users are dealt to; names of files say whose rows they hold

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> WrittenParts: a file per table and as-of date with rows."""
        ordered = in_time_order(events)
        of_users = self.engine(ordered)
        of_categories = user_categories_per_user(
            ordered, as_ofs=self.engine.as_ofs, names=self.engine.names, **vars(self.categories)
        )
        rows = {FEATURES: of_users, SEQUENCES: of_users, CATEGORIES: of_categories}
        label = place_label(events, self.places)
        return pl.concat(
            written_parts(rows[table], schema, root=self.root, table=table, partition=DATE, label=label)
            for table, schema in self.tables().items()
        )

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
