"""gold.user_profiles -> gold.profile_changes: what moved of each user since the profiles of the date before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines.serving_models import model_of
from userprofile.pipelines.steps import Run
from userprofile.schemas.profiles import ProfileChanges, UserProfiles
from userprofile.schemas.scores import NUMBERS, PROBABILITIES
from userprofile.tables.store import TableVersion

CHANGES = "gold.profile_changes"
MOVED = 0.1  # of a probability, or as a share of another score: less is no change worth telling


def profiles_as_of(run: Run, pinned: TableVersion, as_of: date) -> DataFrame:
    """The profiles of the date that were scored last: one model's, one a user."""
    rows = run.store.read(pinned, UserProfiles).where(F.col("as_of_date") == F.lit(as_of))
    return rows.where(F.col("scored_at") == rows.agg(F.max("scored_at")).collect()[0][0])


def write_changes(run: Run, profiles: TableVersion, as_of: date) -> list[TableVersion]:
    """The rows of the date, and of the next one, whose date before it is; the table, where one of them has any."""
    dates = run.store.read(profiles, UserProfiles).select("as_of_date").distinct().collect()
    pairs = [pair for pair in pairwise(sorted(row[0] for row in dates)) if as_of in pair]
    return [_write(run, profiles, *pair) for pair in reversed(pairs)][-1:]


def _write(run: Run, profiles: TableVersion, earlier: date, later: date) -> TableVersion:
    before, now = (profiles_as_of(run, profiles, as_of) for as_of in (earlier, later))
    noise = noise_of([_metrics(run, side) for side in (before, now)])
    where = f"as_of_date = date'{later}'"
    return run.store.replace(changes(now, before, noise), CHANGES, ProfileChanges, where=where)


def _metrics(run: Run, profiles: DataFrame) -> Mapping[str, Any]:
    """Of the model that scored them; empty without one."""
    model = model_of(run, profiles.select("model_version").limit(1).collect()[0][0])
    metrics: Mapping[str, Any] = json.loads(model["metrics"]) if model else {}
    return metrics


def noise_of(models: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of each score what it has to move by at least, by how far off two models were on their tests.

    Of probabilities their calibration errors together, and MOVED at least; of spend the larger mean absolute error.
    """
    errors = [metrics.get("calibration_error", {}) for metrics in models]
    of_spend = [
        metrics.get("test", {}).get("spend", {}).get(metrics["served_by"].get("spend")) for metrics in models if metrics
    ]
    noise = {name: max(MOVED, sum(of_model.get(name) or 0.0 for of_model in errors)) for name in PROBABILITIES}
    return {**noise, "spend": max((one["mae"] for one in of_spend if one), default=0.0), "days_to_purchase": 1.0}


def changes(now: DataFrame, before: DataFrame, noise: Mapping[str, float]) -> DataFrame:
    """ProfileChanges of users of both; a score moved by its `noise` and, unless it is a probability, by a tenth."""
    columns = {"before_date": "as_of_date", "before_model_version": "model_version"}
    columns |= {f"before_{name}": name for name in ("tags", *NUMBERS.values())}
    earlier = before.select("user_id", *(F.col(name).alias(told) for told, name in columns.items()))
    moved = [_moved(score, column, noise) for score, column in NUMBERS.items()]
    return now.join(earlier, "user_id").select(
        *(name for name in ProfileChanges.column_names() if not name.startswith(("tags_", "scores"))),
        F.array_except("tags", "before_tags").alias("tags_gained"),
        F.array_except("before_tags", "tags").alias("tags_lost"),
        F.array_compact(F.array(*moved)).alias("scores_moved"),
    )


def _moved(score: str, column: str, noise: Mapping[str, float]) -> Column:
    """Null where it did not move, or is not known of one of the dates."""
    then, now = F.col(f"before_{column}").cast("double"), F.col(column).cast("double")
    tenth = F.lit(0.0) if score in PROBABILITIES else MOVED * F.abs(then)
    least = F.greatest(F.lit(noise[score]), tenth)
    told = F.struct(F.lit(score).alias("score"), then.alias("before"), now.alias("now"), least.alias("noise"))
    return F.when((now != then) & (F.abs(now - then) >= least), told)
