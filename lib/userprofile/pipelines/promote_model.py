"""ops.models -> ops.serving: a new model scores from its date on where it is not worse than the one that does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from userprofile.errors import DataGateError, UsageError
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.model_comparison import against
from userprofile.pipelines.serving_models import (
    deciding,
    decisions,
    model_of,
    models,
    record_decision,
    serving_model,
    undecided_model,
)
from userprofile.pipelines.steps import Outcome, Run, Step


def promote_model(run: Run) -> None:
    """The model that promote_model.model names, whatever it is like; else as decide_on_new does.

    Raises UsageError for a name that no model has, DataGateError where it is of a later date.
    """
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    if name := run.config.promote_model.model:
        _step(run, partial(_by_hand, run, _named(run, name, as_of), as_of), as_of)
    elif not decide_on_new(run, as_of):
        run.say("promote_model: nothing to decide, no model has been trained since the last decision")


def decide_on_new(run: Run, as_of: date) -> bool:
    """The last trained model serves if it is not worse than the one that does; False where that was decided before."""
    model = undecided_model(run, as_of)
    if model is not None:
        _step(run, partial(_decide, run, model, as_of), as_of)
    return model is not None


def _step(run: Run, work: Callable[[], Outcome], as_of: date) -> Step:
    return run.step("promote_model", work, inputs=[], sections=["promote_model"], as_of=as_of, again=True)


def _named(run: Run, name: str, as_of: date) -> dict[str, Any]:
    model = model_of(run, name)
    if model is None:
        known = ", ".join(models(run)["model_version"].sort())
        raise UsageError("promote_model.model names no model", expected=known or "a trained model", received=name)
    if model["as_of_date"] > as_of:
        raise DataGateError(
            f"{name} has learnt from what came after {as_of}",
            expected=f"a model as of {as_of} or before",
            received=str(model["as_of_date"]),
            fix=f"AS_OF={model['as_of_date']}, or a later date",
        )
    return model


def _by_hand(run: Run, model: dict[str, Any], as_of: date) -> Outcome:
    return _decided(run, model, as_of, worse=False, because="promoted by hand")


def _decide(run: Run, model: dict[str, Any], as_of: date) -> Outcome:
    serving, _ = serving_model(run, model["as_of_date"])
    because, worse = "no other model serves", False
    if serving is not None and serving["model_version"] != model["model_version"]:
        because, worse = against(run, model, serving)
    return _decided(run, model, model["as_of_date"], worse=worse, because=because)


def _decided(run: Run, model: dict[str, Any], valid_from: date, *, worse: bool, because: str) -> Outcome:
    serving, candidate = deciding(decisions(run), valid_from), model["model_version"]
    before = serving["serving"] if serving else None
    serves = before if worse else candidate
    written = record_decision(
        run,
        candidate=candidate,
        valid_from=valid_from,
        decision="declined" if worse else "promoted",
        serving=serves,
        instead_of=before,
        because=because,
    )
    run.say(f"promote_model: {serves} serves: {because}")
    decision = {"candidate": candidate, "promoted": not worse, "because": because}
    return Outcome([written], {"serves": serves, "decision": decision})
