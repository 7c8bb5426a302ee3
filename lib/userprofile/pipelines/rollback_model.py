"""ops.serving: back to the model that served before the last promotion."""

from __future__ import annotations

from typing import Any

import polars as pl

from userprofile.errors import DataGateError, UsageError
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.serving_models import deciding, decisions, record_decision
from userprofile.pipelines.steps import Outcome, Run, Step


def rollback_model(run: Run) -> Step | None:
    """Leave the model that is named, as of AS_OF or the log's end; None where it serves no more, as when begun again.

    Profiles stay as they are until infer_profiles scores again. Raises UsageError where no model is named, or one that
    never served, DataGateError where none served before it.
    """
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    made, left = decisions(run), run.config.rollback_model.model
    now = deciding(made, as_of)
    if now is None or now["serving"] != left:
        serving = now["serving"] if now else "none"
        _require_served(made, left, serving=serving)
        run.say(f"rollback_model: nothing to do, as of {as_of} {left} does not serve, but {serving}")
        return None
    return run.step(
        "rollback_model",
        lambda: _back(run, made, now),
        inputs=[],
        sections=["rollback_model"],
        as_of=as_of,
        again=True,
    )


def _require_served(made: pl.DataFrame, model_version: str, *, serving: str) -> None:
    if model_version not in made["serving"]:
        raise UsageError(
            "rollback_model.model names no model that has served",
            expected=f"the model to leave; what serves is {serving}",
            received=model_version or "none",
            fix=f"make rollback_model MODEL={serving}",
        )


def _back(run: Run, made: pl.DataFrame, now: dict[str, Any]) -> Outcome:
    undone = _promotion_of(made, now["serving"])
    if undone is None or undone["instead_of"] is None:
        raise DataGateError(
            "there is no model to go back to",
            expected="a model that served before the present one",
            received=f"{now['serving']}, which was the first",
            fix="make promote_model MODEL=<model_version> names any model in ops.models",
        )
    present, earlier = now["serving"], undone["instead_of"]
    written = record_decision(
        run,
        candidate=present,
        valid_from=now["valid_from"],
        decision="rolled_back",
        serving=earlier,
        instead_of=present,
        because="rolled back by hand",
    )
    run.say(f"rollback_model: {earlier} serves instead of {present}; make infer_profiles scores with it")
    return Outcome([written], {"model_version": earlier, "instead_of": present})


def _promotion_of(made: pl.DataFrame, model_version: str) -> dict[str, Any] | None:
    """The last by which the model came to serve instead of another, or first of all."""
    promoted = (pl.col("decision") == "promoted") & (pl.col("candidate") == model_version)
    came = made.filter(promoted & pl.col("instead_of").ne_missing(pl.lit(model_version)))
    return came.row(-1, named=True) if came.height else None
