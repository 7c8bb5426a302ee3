"""What a page tells of a model, from the figures that its training left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from userprofile.baselines.serving import LARGER_IS_BETTER
from userprofile.heads.every import HEADS
from userprofile.pipelines.report_moment import Moment
from userprofile.pipelines.steps import Run
from userprofile.report.quality import Judged
from userprofile.report.score_plots import Measured
from userprofile.schemas.ops import OpsModels

MODELS = "ops.models"
AMOUNTS = {"spend": ("mae",)}  # measures that are amounts, by score


def model_of(run: Run, moment: Moment, model_version: str) -> dict[str, Any] | None:
    """The row of ops.models, metrics parsed; None where no model scored."""
    if MODELS not in moment.tables:
        return None
    rows = run.store.small(moment.tables[MODELS], OpsModels).filter(pl.col("model_version") == model_version)
    return next(({**row, "metrics": json.loads(row["metrics"])} for row in rows.to_dicts()), None)


def judged_scores(model: Mapping[str, Any]) -> list[Judged]:
    """Every score on the test window, as the model's own figures tell it."""
    return [_judged(score, models, model["metrics"]) for score, models in model["metrics"]["test"].items()]


def in_units(judged: Judged, unit: str, minor_units: int) -> Judged:
    """A measure that is an amount, in units of the currency instead of minor ones."""
    if judged.measure not in AMOUNTS.get(judged.score, ()):
        return judged
    scale = 10**minor_units
    models = [
        Measured(one.model, one.value / scale, one.low and one.low / scale, one.high and one.high / scale)
        for one in judged.models
    ]
    return replace(judged, models=models, measure=f"{judged.measure}, {unit}".removesuffix(", "))


def _judged(score: str, models: Mapping[str, Mapping[str, float]], metrics: Mapping[str, Any]) -> Judged:
    by = HEADS[score].by[0]
    intervals, curves = (metrics.get(name, {}).get(score, {}) for name in ("intervals", "curves"))
    known = [
        Measured(name, measures[by], *intervals.get(name, ()))
        for name, measures in models.items()
        if measures[by] is not None
    ]
    return Judged(score, metrics["served_by"][score], by, LARGER_IS_BETTER[by], known, curves or ())
