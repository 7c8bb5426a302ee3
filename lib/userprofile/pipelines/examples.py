"""gold.training_examples as it was built for a date, for whoever learns from it or looks at it."""

from __future__ import annotations

from datetime import date
from typing import Any

import dataframely as dy
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.features.catalogue import user_features_schema
from userprofile.features.entries import Catalogue
from userprofile.pipelines.steps import Run
from userprofile.schemas.gold import Labels, UserSequences
from userprofile.tables.store import TableVersion

EXAMPLES = "gold.training_examples"


def examples_schema(catalogue: Catalogue) -> type[dy.Schema]:
    """The class of gold.training_examples."""
    parts = (Labels, UserSequences, user_features_schema(catalogue))
    return type("TrainingExamples", parts, {"split": dy.String(nullable=False)})


def built_examples(run: Run, as_of: date) -> TableVersion:
    """The examples built as of this date: those of a later one would have seen what came after it."""
    version: TableVersion = last_build(run, as_of)["outputs"][0]
    return version


def last_build(run: Run, as_of: date) -> dict[str, Any]:
    """The row of ops.runs that tells how they were built. Raises DataGateError where there are none."""
    built = run.last("build_training_set", as_of=as_of)
    if built is None or not built["outputs"]:
        raise DataGateError(
            f"no examples have been built as of {as_of}",
            expected=f"{EXAMPLES} of a build_training_set as of {as_of}",
            received=built["metrics"]["skipped"] if built else "none in ops.runs",
            fix=f"make build_training_set SOURCE={run.source} AS_OF={as_of}",
        )
    return built


def sampled(rows: DataFrame, *, of: int, wanted: int, seed: int) -> DataFrame:
    """About `wanted` of `of` rows per user and as-of date, in no order: the same ones each time, however stored."""
    place = F.pmod(F.xxhash64(F.lit(seed), "user_id", "as_of_date"), F.lit(of))
    return rows.where(place < wanted) if of > wanted else rows
