"""Tables that something may be expected of: the class of each, and which job makes it."""

from __future__ import annotations

import dataframely as dy

from userprofile.errors import UsageError
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import EXAMPLES, examples_schema
from userprofile.pipelines.steps import Run
from userprofile.schemas.entities import SilverCodes, SilverItemContent, SilverItems, SilverUsers
from userprofile.schemas.events import SilverEvents
from userprofile.schemas.gold import (
    ItemFeatures,
    PopulationStatistics,
    Segments,
    UserCategoryFeatures,
    UserSegments,
    UserSequences,
)
from userprofile.schemas.profiles import UserProfiles

ALWAYS = ("silver.events", "gold.user_features")  # that check_tables looks at
# What is there before profiles are, and by which job. Others are checked by the job that writes them.
BEFORE_PROFILES = {
    "silver.events": "refine_events",
    "silver.items": "refine_events",
    "silver.users": "refine_events",
    "silver.codes": "refine_events",
    "silver.item_content": "embed_items",
    "gold.user_features": "build_features",
    "gold.user_sequences": "build_features",
    "gold.user_category_features": "build_features",
    "gold.item_features": "build_features",
    "gold.population_statistics": "build_features",
}
EVENT_TIME = "event_time"


def classes(run: Run) -> dict[str, type[dy.Schema]]:
    """Of the tables that may be expected something of."""
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    return {
        "silver.events": SilverEvents,
        "silver.items": SilverItems,
        "silver.users": SilverUsers,
        "silver.codes": SilverCodes,
        "silver.item_content": SilverItemContent,
        "gold.user_features": user_features_schema(catalogue),
        "gold.user_sequences": UserSequences,
        "gold.user_category_features": UserCategoryFeatures,
        "gold.item_features": ItemFeatures,
        "gold.population_statistics": PopulationStatistics,
        EXAMPLES: examples_schema(catalogue),
        "gold.user_profiles": UserProfiles,
        "gold.user_segments": UserSegments,
        "gold.segments": Segments,
    }


def require_expectations(run: Run) -> None:
    """Raise UsageError for the first expectation of a table or a column that is not there, or cannot be measured."""
    known = classes(run)
    for table, expected in run.config.check_tables.tables.items():
        key = f"check_tables.tables.{table}"
        if table not in known:
            raise UsageError(f"{key}: no such table is checked", expected=", ".join(known), received=table)
        columns = known[table].columns()
        if expected.recent_rows is not None and EVENT_TIME not in columns:
            raise UsageError(f"{key}.recent_rows: rows of the table have no time", expected="fewer", received=table)
        for name, limits in expected.columns.items():
            if name not in columns:
                raise UsageError(f"{key}.columns: the table has no such column", expected="one of its", received=name)
            ranged = limits.least is not None or limits.most is not None
            if ranged and not columns[name].dtype.is_numeric():
                raise UsageError(f"{key}.columns.{name}: no number", expected="nulls or drift", received="least, most")
