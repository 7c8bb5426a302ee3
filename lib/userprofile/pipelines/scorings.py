"""Which scorings of all users gold.user_profiles holds, the latest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.steps import Run


@dataclass(frozen=True)
class Scored:
    """One scoring of all users: a date by a model, out of features of a version."""

    as_of: date
    model_version: str
    features_version: int

    def rows(self, profiles: DataFrame) -> DataFrame:
        """Its rows of gold.user_profiles."""
        of_date = F.col("as_of_date") == F.lit(self.as_of)
        return profiles.where(of_date & (F.col("model_version") == self.model_version))


def scorings(run: Run, rows: DataFrame) -> list[Scored]:
    """Those of AS_OF, or of the latest date, and of dates before, by date and then by time; one at least.

    Raises DataGateError where the date has none.
    """
    until = rows.where(F.col("as_of_date") <= F.lit(run.as_of)) if run.as_of else rows
    found = until.groupBy("as_of_date", "model_version").agg(F.max("scored_at").alias("at"), F.max("features_version"))
    ordered = found.orderBy(F.desc("as_of_date"), F.desc("at")).collect()
    if not ordered or (run.as_of and ordered[0]["as_of_date"] != run.as_of):
        raise DataGateError(
            f"there are no profiles as of {run.as_of or 'any date'}",
            expected=f"rows of that date in {PROFILES}",
            fix=f"make infer_profiles SOURCE={run.source}{f' AS_OF={run.as_of}' if run.as_of else ''}",
        )
    return [Scored(row[0], row[1], row[3]) for row in ordered]
