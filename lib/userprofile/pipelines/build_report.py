"""Saved tables -> the plain page that a person opens: counts per step, and a few profiles."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.ledger import runs
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.page import page
from userprofile.schemas.ops import OpsModels
from userprofile.schemas.profiles import UserProfiles

STEPS = ("ingest_events", "refine_events", "build_features", "build_training_set", "train_model", "infer_profiles")


def build_report(run: Run) -> Step:
    """Write report/<source>/index.html from the tables alone."""
    profiles = run.pinned(PROFILES, made_by="infer_profiles")
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    rows = run.store.read(profiles, UserProfiles).where(F.col("as_of_date") == F.lit(as_of))
    path = Path(run.config.report, Path(run.store.root).name, "index.html")
    work = partial(_write, run, rows, as_of, path)
    sections = ["source", "build_report"]
    return run.step("build_report", work, inputs=[profiles], sections=sections, as_of=as_of, again=not path.exists())


def _write(run: Run, rows: DataFrame, as_of: date, path: Path) -> Outcome:
    latest = rows.where(F.col("scored_at") == rows.agg(F.max("scored_at")).collect()[0][0])
    # One of each segment first, so that a reader sees different people.
    of_segment = Window.partitionBy("rfm_segment").orderBy(F.desc("spend_all"), "user_id")
    ranked = latest.withColumn("nth", F.row_number().over(of_segment))
    shown = ranked.orderBy("nth", F.desc("spend_all"), "user_id").limit(run.config.build_report.example_profiles)
    examples = [row.asDict(recursive=True) for row in shown.collect()]
    segments = {row["rfm_segment"]: row["count"] for row in latest.groupBy("rfm_segment").count().collect()}
    html = page(
        source=run.config.source.name,
        about=run.config.source.about,
        minor_units=run.config.source.minor_units,
        steps=_steps(run, as_of),
        segments=segments,
        profiles=examples,
        model=_model(run, examples),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    return Outcome([], {"page": str(path.resolve()), "example_profiles": len(examples)})


def _steps(run: Run, as_of: date) -> list[dict[str, Any]]:
    """The latest row of ops.runs of each step, in order, figures parsed."""
    of_date = pl.col("as_of_date").is_null() | (pl.col("as_of_date") == as_of)
    latest = {row["step"]: row for row in runs(run.store).filter(of_date).to_dicts()}
    return [{**latest[name], "metrics": json.loads(latest[name]["metrics"])} for name in STEPS if name in latest]


def _model(run: Run, examples: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not run.store.exists("ops.models") or not examples:
        return None
    models = run.store.read(run.store.pin("ops.models"), OpsModels)
    rows = models.where(F.col("model_version") == examples[0]["model_version"]).collect()
    return {**rows[0].asDict(), "metrics": json.loads(rows[0]["metrics"])} if rows else None
