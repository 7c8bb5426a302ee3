"""gold.training_examples, one pinned version -> models/<model_version>/ and a row in ops.models."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import yaml
from deltalake import DeltaTable

from userprofile.config.load import config_version
from userprofile.heads.evaluation import told_of_test
from userprofile.heads.every import HEADS
from userprofile.heads.head import LadderSettings
from userprofile.heads.serving import calibration_errors, fit_serving, measured
from userprofile.inference.space import SPACE_FILE, Space
from userprofile.interest.choice import INTEREST_FILE, fit_interest
from userprofile.interest.vectors import EventVectors
from userprofile.interest.weightings import Rule
from userprofile.pipelines.alignment import space_of_model
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.examples import built_examples
from userprofile.pipelines.selected_features import features_to_train
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.training_request import (
    launched,
    pretrained_folder,
    pretraining_of,
    profile_spec,
    training_request,
)
from userprofile.schemas.ops import OpsModels
from userprofile.spec import SERVING_FILE, FeatureSpec
from userprofile.tables.store import TableVersion
from userprofile.training.checkpoint import Checkpoints
from userprofile.training.evaluate import unpacked
from userprofile.training.trained import EVALUATED_SPLITS, EVENT_TABLES, METRICS, PREDICTIONS, Trained
from userprofile.versions import code_version

SECTIONS = ["source", "refine_events", "build_features", "build_training_set", "train_model"]
CONFIG_FILE = "config.yaml"
INTERVAL_DRAWS = 200


def train_model(run: Run) -> Step:
    """Train on the examples that the last build left; a step without a model where there are none."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events")))
    built = run.done("build_training_set")
    if built is not None and not built.outcome.outputs:
        return run.skip("train_model", built.outcome.metrics["skipped"], as_of=as_of.date)
    examples, dense = built_examples(run, as_of.date), features_to_train(run, as_of.date)
    work = partial(_train, run, examples, dense, as_of.date)
    last = run.last("train_model", as_of=as_of.date)
    gone = last is not None and not Path(run.config.models, last["metrics"].get("model_version", "")).is_dir()
    parameters: dict[str, Any] = {"dense_features": dense}
    if run.config.train_model.start == "pretrained":
        parameters["pretrained"] = pretraining_of(run, as_of.date)
    return run.step(
        "train_model", work, inputs=[examples], sections=SECTIONS, parameters=parameters, as_of=as_of.date, again=gone
    )


def _train(run: Run, examples: TableVersion, dense: Sequence[str], as_of: date) -> Outcome:
    settings = run.config.train_model
    table = DeltaTable(run.store.path(examples.table), version=examples.version)
    train = split_rows(table, "train")
    spec, not_learnt = profile_spec(run, train, dense)
    request = training_request(run, examples, spec, settings)
    if settings.start == "pretrained":
        request = replace(request, begun_by=pretrained_folder(run))
    vectors = settings.model_dump_json(include={"align", "interest_half_life_days", "interest_action_weight"})
    identity = hashlib.sha256(f"{request.identity()} {code_version()} {vectors}".encode()).hexdigest()[:8]
    model_version = f"{run.config.source.name}-{as_of}-{identity}"
    # Beside the tables, which every rank can reach: the one that goes on may be on another machine.
    checkpoints = Checkpoints.made(f"{run.store.root}/checkpoints/{model_version}")
    trained = launched(run, replace(request, checkpoints=checkpoints.root), processes=settings.processes)
    files, measures = with_serving(run, trained, spec, table, train)
    measures["not_learnt"] = not_learnt
    space = space_of_model(run, examples, model_version, files)
    files |= with_space(space, measures)
    files[CONFIG_FILE] = yaml.safe_dump(run.config.model_dump(mode="json"), sort_keys=False).encode()
    write_model(Path(run.config.models) / model_version, files)
    row = {
        "model_version": model_version,
        "trained_at": run.started_at,
        "as_of_date": as_of,
        "training_version": examples.version,
        "examples": train.num_rows,
        "processes": settings.processes,
        "metrics": json.dumps(measures),
        "config_version": config_version(run.config, *SECTIONS),
        "code_version": code_version(),
    }
    where = f"model_version = '{model_version}'"
    rows = OpsModels.cast(pl.DataFrame([row]))
    models = run.store.replace_small(rows, "ops.models", OpsModels, where=where)
    checkpoints.clear()
    return Outcome([models], _figures(model_version, train.num_rows, trained, measures))


def write_model(folder: Path, files: dict[str, bytes]) -> None:
    """A model folder, whole or not at all."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name, content in files.items():
        (unfinished / name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def split_rows(table: DeltaTable, split: str) -> pa.Table:
    """Of gold.training_examples."""
    return table.to_pyarrow_table(filters=[("split", "=", split)])


def with_serving(
    run: Run, trained: Trained, spec: FeatureSpec, table: DeltaTable, train: pa.Table
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """What serves each head, and what weighs events, is decided on validation, and all are measured on the test too;
    what was kept of predictions does not go into the model folder.
    """
    files = dict(trained.files)
    kept = {split: unpacked(files.pop(PREDICTIONS.format(split))) for split in EVALUATED_SPLITS}
    vectors = EventVectors.of_tables(**unpacked(files.pop(EVENT_TABLES)))
    rows = {split: split_rows(table, split) for split in EVALUATED_SPLITS}
    ladder = LadderSettings(spec.dense_names, run.config.train_model.seed)
    serving = fit_serving(spec, train, rows["validation"], kept["validation"], ladder, say=run.say)
    measures: dict[str, Any] = {"validation": measured(serving, spec, rows["validation"], kept["validation"])}
    measures |= told_of_test(
        serving, spec, rows["test"], kept["test"], draws=INTERVAL_DRAWS, seed=run.config.train_model.seed
    )
    measures["calibration_error"] = calibration_errors(serving, spec, rows["test"], kept["test"])
    measures["served_by"] = {name: one.model for name, one in serving.heads.items()}
    interest, hit_rates = fit_interest(spec, vectors, {**rows, "train": train}, _rule(run), say=run.say)
    measures["interest"] = {"served_by": interest.name, "because": interest.because, **hit_rates}
    files |= {SERVING_FILE: serving.to_json().encode(), INTEREST_FILE: interest.to_json().encode()}
    return files, measures


def with_space(space: Space, measures: dict[str, Any]) -> dict[str, bytes]:
    """The last files of a model folder: the space of its vectors, and `measures`, to which that is added."""
    measures["embedding_space"] = space.told()
    return {SPACE_FILE: space.to_json().encode(), METRICS: json.dumps(measures, indent=1).encode()}


def _rule(run: Run) -> Rule:
    settings = run.config.train_model.model_dump(include={"interest_half_life_days", "interest_action_weight"})
    return Rule(settings["interest_half_life_days"], settings["interest_action_weight"])


def _figures(model_version: str, examples: int, trained: Trained, measures: dict[str, Any]) -> dict[str, Any]:
    """Of each head the first of the measures that decide what serves, of what does."""
    figures = {"model_version": model_version, "examples": examples, "epochs": len(trained.history)}
    figures["embedding_space"] = measures["embedding_space"]["name"]
    for name, of_models in measures["test"].items():
        by, model = HEADS[name].by[0], measures["served_by"][name]
        figures[f"of_{name}_on_test"] = f"{by} {_shown(of_models[model][by])} by {model}"
    return figures


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
