"""What a page tells of a model: from its judgements row by row where they are there, else from its own figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
from pyspark.sql import functions as F

from userprofile.baselines.serving import LARGER_IS_BETTER
from userprofile.heads.evaluation import TEST, Asking, curve, with_intervals
from userprofile.heads.every import HEADS
from userprofile.heads.head import Arrays
from userprofile.pipelines.judgements import JUDGEMENTS, arrays_of
from userprofile.pipelines.report_moment import Moment
from userprofile.pipelines.steps import Run
from userprofile.report.quality import Judged
from userprofile.report.score_plots import Measured
from userprofile.schemas.gold import ModelJudgements
from userprofile.schemas.ops import OpsModels

MODELS = "ops.models"
AMOUNTS = {"spend": ("mae",)}  # measures that are amounts, by score


def model_of(run: Run, moment: Moment, model_version: str) -> dict[str, Any] | None:
    """The row of ops.models, metrics parsed; None where no model scored."""
    if MODELS not in moment.tables:
        return None
    rows = run.store.small(moment.tables[MODELS], OpsModels).filter(pl.col("model_version") == model_version)
    return next(({**row, "metrics": json.loads(row["metrics"])} for row in rows.to_dicts()), None)


def judged_scores(run: Run, moment: Moment, model: Mapping[str, Any]) -> tuple[list[Judged], bool]:
    """Every score on the test window, and whether with intervals."""
    told = _judgements(run, moment, model["model_version"])
    served_by, figures = model["metrics"]["served_by"], model["metrics"]["test"]
    if told is None:
        return [_by_figures(score, served_by[score], models) for score, models in figures.items()], False
    settings = run.config.evaluate_model
    how = Asking(settings.draws, settings.largest_gap, settings.seed)
    parts = told.sort("score", "model", "user_id", "as_of_date").partition_by("score", "model", as_dict=True)
    by_score: dict[str, dict[str, Arrays]] = {}
    for (score, name), part in parts.items():
        by_score.setdefault(str(score), {})[str(name)] = arrays_of(part)
    return [
        _by_rows(score, served_by[score], _in_order(by_score[score], figures[score]), how)
        for score in served_by
        if score in by_score
    ], True


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


def _in_order(judgements: Mapping[str, Arrays], ladder: Mapping[str, Any]) -> dict[str, Arrays]:
    """From the simplest up, as the model lists them."""
    return {name: judgements[name] for name in ladder if name in judgements}


def _judgements(run: Run, moment: Moment, model_version: str) -> pl.DataFrame | None:
    if JUDGEMENTS not in moment.tables:
        return None
    rows = run.store.read(moment.tables[JUDGEMENTS], ModelJudgements)
    of_model = rows.where((F.col("model_version") == model_version) & (F.col("split") == TEST))
    told = pl.DataFrame(of_model.toArrow())
    return None if told.is_empty() else told


def _by_rows(score: str, serves: str, judgements: Mapping[str, Arrays], how: Asking) -> Judged:
    head, by = HEADS[score], HEADS[score].by[0]
    models = []
    for name, judgement in judgements.items():
        measured = with_intervals(lambda rows: {by: head.metrics(rows)[by]}, judgement, how)[by]
        if measured["value"] is not None:
            models.append(Measured(name, measured["value"], measured.get("low"), measured.get("high")))
    shown = curve(judgements[serves]) if head.decides and serves in judgements else ()
    return Judged(score, serves, by, LARGER_IS_BETTER[by], models, shown)


def _by_figures(score: str, serves: str, models: Mapping[str, Mapping[str, float]]) -> Judged:
    by = HEADS[score].by[0]
    known = [Measured(name, measures[by]) for name, measures in models.items() if measures.get(by) is not None]
    return Judged(score, serves, by, LARGER_IS_BETTER[by], known)
