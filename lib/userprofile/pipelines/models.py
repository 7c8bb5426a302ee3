"""Models that were trained, and their files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.inference.space import SPACE_FILE
from userprofile.interest.choice import INTEREST_FILE
from userprofile.pipelines.steps import Run
from userprofile.schemas.ops import OpsModels
from userprofile.spec import NETWORK_FILE, SERVING_FILE, SPEC_FILE

_FILES = (NETWORK_FILE, SPEC_FILE, SERVING_FILE, INTEREST_FILE, SPACE_FILE)


def latest_model(run: Run, as_of: date) -> tuple[dict[str, Any] | None, str | None]:
    """The latest model trained to score this date, or why there is none."""
    trained = run.done("train_model")
    if trained is not None and "skipped" in trained.outcome.metrics:
        return None, trained.outcome.metrics["skipped"]
    if not run.store.exists("ops.models"):
        return None, "no model has been trained"
    models = run.store.read(run.store.pin("ops.models"), OpsModels).where(f"as_of_date = date'{as_of}'")
    if trained is not None:
        models = models.where(F.col("model_version") == trained.outcome.metrics["model_version"])
    rows = models.orderBy("trained_at", ascending=False).limit(1).collect()
    return (rows[0].asDict(), None) if rows else (None, f"no model has been trained as of {as_of}")


def needed_model(run: Run, as_of: date, *, to: str) -> dict[str, Any]:
    """The same for a job that does nothing without one. Raises DataGateError where there is none."""
    model, reason = latest_model(run, as_of)
    if model is None:
        raise DataGateError(
            f"there is no model to {to}",
            expected=f"a model that was trained as of {as_of}",
            received=reason or "none",
            fix=f"make train_model SOURCE={run.source}",
        )
    return model


def previous_model(run: Run, model_version: str) -> tuple[dict[str, Any] | None, str]:
    """The last of models_before whose files are there, or why there is none."""
    if run.store.exists("ops.models"):
        models = run.store.small(run.store.pin("ops.models"), OpsModels)
        for model in models_before(models, model_version).to_dicts():
            if all(Path(run.config.models, model["model_version"], name).is_file() for name in _FILES):
                return model, ""
    return None, "no model was trained before whose vectors could be compared"


def models_before(models: pl.DataFrame, model_version: str) -> pl.DataFrame:
    """Rows of ops.models, the latest first: those that a model may be aligned to.

    One that is trained again has the same before it as the first time, so that what was aligned to it stays so.
    """
    others = models.filter(pl.col("model_version") != model_version).sort("trained_at", descending=True)
    for own in models.filter(pl.col("model_version") == model_version).to_dicts():
        before = json.loads(own["metrics"]).get("embedding_space", {}).get("aligned_to")
        return others.filter(pl.col("model_version").eq_missing(pl.lit(before, pl.String)))
    return others


def model_files(run: Run, model: dict[str, Any]) -> dict[str, bytes]:
    """Those that scoring needs, of a row of ops.models. Raises DataGateError where one cannot be read."""
    folder = Path(run.config.models) / model["model_version"]
    return {name: _file(folder / name) for name in _FILES}


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataGateError(
            f"the model's file {path} cannot be read: {error.strerror}",
            expected="the folder that train_model wrote",
            fix="make train_model FORCE=1",
        ) from error
