"""ops.serving: which model scores a date, and who decided that."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from userprofile.pipelines.steps import Run
from userprofile.schemas.ops import OpsModels, OpsServing
from userprofile.tables.store import TableVersion, Transaction

SERVING = "ops.serving"


def decisions(run: Run) -> pl.DataFrame:
    """All rows, in the order in which they were made."""
    if not run.store.exists(SERVING):
        return OpsServing.create_empty()
    return run.store.small(run.store.pin(SERVING), OpsServing).sort("decided_at", maintain_order=True)


def deciding(rows: pl.DataFrame, as_of: date) -> dict[str, Any] | None:
    """The decision that counts as of this date: a later date's would know what came after it."""
    known = rows.filter(pl.col("valid_from") <= as_of).sort("valid_from", maintain_order=True)
    return known.row(-1, named=True) if known.height else None


def serving_model(run: Run, as_of: date) -> tuple[dict[str, Any] | None, str | None]:
    """The row in ops.models of the model that scores this date, or why there is none."""
    decision = deciding(decisions(run), as_of)
    if decision is not None:
        return model_of(run, decision["serving"]), None
    trained = run.done("train_model")
    if trained is not None and "skipped" in trained.outcome.metrics:
        return None, trained.outcome.metrics["skipped"]
    return None, f"no model has been trained as of {as_of}" if models(run).height else "no model has been trained"


def undecided_model(run: Run, as_of: date) -> dict[str, Any] | None:
    """The model trained last of those that may score this date, if nothing has been decided on it yet."""
    trained = models(run).filter(pl.col("as_of_date") <= as_of).sort("as_of_date", "trained_at").tail(1)
    for model in trained.to_dicts():
        known = decisions(run).filter(pl.col("candidate") == model["model_version"])
        if not known.filter(pl.col("decided_at") >= model["trained_at"]).height:
            return model
    return None


def models(run: Run) -> pl.DataFrame:
    """Rows of ops.models."""
    if not run.store.exists("ops.models"):
        return OpsModels.create_empty()
    return run.store.small(run.store.pin("ops.models"), OpsModels)


def model_of(run: Run, model_version: str) -> dict[str, Any] | None:
    """Its row of ops.models."""
    return next(iter(models(run).filter(pl.col("model_version") == model_version).to_dicts()), None)


def record_decision(run: Run, **decision: Any) -> TableVersion:
    """Add a row of OpsServing, of this run."""
    row = {"run_id": run.run_id, "decided_at": run.started_at, **decision}
    run.store.append_small([row], SERVING, OpsServing, Transaction(f"{run.run_id}/{row['candidate']}", 1))
    return run.store.pin(SERVING)
