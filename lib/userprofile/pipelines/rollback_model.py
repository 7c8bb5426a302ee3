"""ops.serving: back to the model that served before the last promotion."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from userprofile.errors import DataGateError
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.serving_models import deciding, decisions, record_decision
from userprofile.pipelines.steps import Outcome, Run, Step


def rollback_model(run: Run) -> Step:
    """As of AS_OF or the log's end. Profiles stay as they are until infer_profiles scores again.

    Raises DataGateError where no model served before.
    """
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    return run.step("rollback_model", lambda: _back(run, as_of), inputs=[], sections=[], as_of=as_of, again=True)


def _back(run: Run, as_of: date) -> Outcome:
    made = decisions(run)
    now = deciding(made, as_of)
    undone = _promotion_of(made, now["serving"]) if now else None
    if now is None or undone is None or undone["instead_of"] is None:
        raise DataGateError(
            "there is no model to go back to",
            expected="a model that served before the present one",
            received=f"{now['serving']}, which was the first" if now else f"no model serves as of {as_of}",
            fix="SET=promote_model.model=<model_version> with promote_model names any model in ops.models",
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
