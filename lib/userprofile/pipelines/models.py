"""Models that were trained, and their files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.interest.choice import INTEREST_FILE
from userprofile.pipelines.steps import Run
from userprofile.schemas.ops import OpsModels
from userprofile.spec import NETWORK_FILE, SERVING_FILE, SPEC_FILE


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


def model_files(run: Run, model: dict[str, Any]) -> dict[str, bytes]:
    """Those that scoring needs, of a row of ops.models. Raises DataGateError where one cannot be read."""
    folder = Path(run.config.models) / model["model_version"]
    return {name: _file(folder / name) for name in (NETWORK_FILE, SPEC_FILE, SERVING_FILE, INTEREST_FILE)}


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataGateError(
            f"the model's file {path} cannot be read: {error.strerror}",
            expected="the folder that train_model wrote",
            fix="make train_model FORCE=1",
        ) from error
