"""Models that were trained, and their files."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from userprofile.errors import DataGateError
from userprofile.inference.network_file import require_no_code
from userprofile.inference.space import SPACE_FILE
from userprofile.interest.choice import INTEREST_FILE
from userprofile.pipelines.serving_models import models
from userprofile.pipelines.steps import Run
from userprofile.spec import NETWORK_FILE, SERVING_FILE, SPEC_FILE

_FILES = (NETWORK_FILE, SPEC_FILE, SERVING_FILE, INTEREST_FILE, SPACE_FILE)


def needed_model(run: Run, as_of: date) -> dict[str, Any]:
    """The latest model trained as of this date. Raises DataGateError where there is none."""
    trained = models(run).filter(pl.col("as_of_date") == as_of).sort("trained_at").tail(1).to_dicts()
    if not trained:
        raise no_model(run, as_of, None)
    return trained[0]


def no_model(run: Run, as_of: date, reason: str | None) -> DataGateError:
    """That a job does nothing without one."""
    return DataGateError(
        f"there is no model as of {as_of}",
        expected="a trained model",
        received=reason or "none",
        fix=f"make train_model SOURCE={run.source}",
    )


def previous_model(run: Run, model_version: str) -> tuple[dict[str, Any] | None, str]:
    """The last of models_before whose files are there, or why there is none."""
    for model in models_before(models(run), model_version).to_dicts():
        if files_are_there(run, model["model_version"]):
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


def files_are_there(run: Run, model_version: str) -> bool:
    """Whether a model could score."""
    return all(Path(run.config.models, model_version, name).is_file() for name in _FILES)


def model_files(run: Run, model: dict[str, Any]) -> dict[str, bytes]:
    """Those that scoring needs, of a row of ops.models. Raises DataGateError where one cannot be read, or runs code."""
    folder = Path(run.config.models) / model["model_version"]
    files = {name: _file(folder / name) for name in _FILES}
    require_no_code(files[NETWORK_FILE])
    return files


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataGateError(
            f"the model's file {path} cannot be read: {error.strerror}",
            expected="the folder that train_model wrote",
            fix="make train_model FORCE=1",
        ) from error
