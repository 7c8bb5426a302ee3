"""ops.models -> ops.serving: a new model scores from its date on where it is not worse than the one that does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import DataGateError, UsageError
from userprofile.heads.comparison import Compared, compared
from userprofile.heads.every import HEADS
from userprofile.heads.serving import Serving
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import EXAMPLES, examples_schema, sampled
from userprofile.pipelines.judgements import arrays_of
from userprofile.pipelines.models import model_files
from userprofile.pipelines.scoring import judged
from userprofile.pipelines.serving_models import (
    deciding,
    decisions,
    model_of,
    models,
    record_decision,
    undecided_model,
)
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.spec import SERVING_FILE, SPEC_FILE, WORDS_FILE, FeatureSpec
from userprofile.tables.store import TableVersion


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
    serving = deciding(decisions(run), model["as_of_date"])
    because, worse = "no other model serves", False
    if serving is not None and serving["serving"] != model["model_version"]:
        because, worse = _against(run, model, serving["serving"])
    return _decided(run, model, model["as_of_date"], worse=worse, because=because)


def _decided(run: Run, model: dict[str, Any], valid_from: date, *, worse: bool, because: str) -> Outcome:
    serving, candidate = deciding(decisions(run), valid_from), model["model_version"]
    before = serving["serving"] if serving else None
    written = record_decision(
        run,
        candidate=candidate,
        valid_from=valid_from,
        decision="declined" if worse else "promoted",
        serving=before if worse else candidate,
        instead_of=before,
        because=because,
    )
    run.say(f"promote_model: {before if worse else candidate} serves: {because}")
    return Outcome([written], {"model_version": candidate, "promoted": not worse, "because": because})


def _against(run: Run, model: dict[str, Any], before: str) -> tuple[str, bool]:
    """How the model does beside the one before, on its own test users, and whether it is worse."""
    old = model_of(run, before)
    files = {candidate["model_version"]: model_files(run, candidate) for candidate in (model, old) if candidate}
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    schema = examples_schema(catalogue)
    if lost := sorted(set(_spec(files[before]).dense_names) - set(schema.column_names())) if before in files else []:
        return f"{before} reads features that are no longer built: {', '.join(lost[:3])}", False
    examples = run.store.read(TableVersion(EXAMPLES, model["training_version"], 0), schema).where("split = 'test'")
    settings = run.config.promote_model
    rows = sampled(examples, of=examples.count(), wanted=settings.examples, seed=settings.seed)
    told = {version: _judgements(run, rows, version, of_model) for version, of_model in files.items()}
    new_spec, old_spec = _spec(files[model["model_version"]]), _spec(files[before])
    both = [name for name, classes in new_spec.heads.items() if old_spec.heads.get(name) == classes]
    found = [
        compared(
            HEADS[name],
            told[model["model_version"]][name],
            told[before][name],
            draws=settings.draws,
            seed=settings.seed,
        )
        for name in both
    ]
    return _in_words([one for one in found if one], before)


def _judgements(
    run: Run, rows: DataFrame, version: str, files: Mapping[str, bytes]
) -> dict[str, dict[str, np.ndarray]]:
    """By score, of the model that serves it, in the order of users."""
    serving = Serving.from_json(files[SERVING_FILE].decode())
    alone = {
        name: replace(one, calibrations={one.model: one.calibrations[one.model]}, rungs=_only(one.rungs, one.model))
        for name, one in serving.heads.items()
    }
    sent = {**files, SERVING_FILE: Serving(alone).to_json().encode(), WORDS_FILE: b"{}"}
    partitions = -(-run.config.promote_model.examples // run.config.evaluate_model.examples_per_partition)
    told = judged(rows.repartition(partitions, "user_id"), f"{version} as it serves", sent)
    frame = pl.DataFrame(told.where(F.col("split") == "test").toArrow()).sort("user_id", "as_of_date")
    return {str(name): dict(arrays_of(part)) for (name,), part in frame.partition_by("score", as_dict=True).items()}


def _only(rungs: Mapping[str, Any], model: str) -> dict[str, Any]:
    return {name: stored for name, stored in rungs.items() if name == model}


def _spec(files: Mapping[str, bytes]) -> FeatureSpec:
    return FeatureSpec.from_json(files[SPEC_FILE].decode())


def _in_words(found: list[Compared], before: str) -> tuple[str, bool]:
    worse = [one.told() for one in found if one.is_worse]
    if worse:
        return f"worse than {before} beyond noise at {'; '.join(worse)}", True
    told = "; ".join(one.told() for one in found) or "no score of both tells the same classes apart"
    return f"not worse than {before} beyond noise: {told}", False
