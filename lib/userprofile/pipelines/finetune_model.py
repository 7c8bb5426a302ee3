"""gold.training_examples and a pre-trained body -> a model of one score, beside its ladder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from userprofile.heads.every import HEADS, with_heads
from userprofile.inference.space import Space
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.examples import built_examples
from userprofile.pipelines.selected_features import features_to_train
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.train_model import split_rows, with_serving, with_space, write_model
from userprofile.pipelines.training_request import (
    feature_spec,
    launched,
    pretrained_folder,
    pretraining_of,
    scaled_rate,
    training_request,
)
from userprofile.tables.store import TableVersion
from userprofile.versions import code_version

SECTIONS = ["source", "refine_events", "build_features", "build_training_set", "train_model", "finetune_model"]


def finetune_model(run: Run) -> Step:
    """Of finetune_model.task. Raises DataGateError where the examples do not teach it, or nothing was pre-trained."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    examples, dense = built_examples(run, as_of), features_to_train(run, as_of)
    parameters: dict[str, Any] = {"dense_features": dense}
    if run.config.finetune_model.start == "pretrained":
        parameters["pretrained"] = pretraining_of(run, as_of)
    work = partial(_finetune, run, examples, dense, as_of)
    last = run.last("finetune_model", as_of=as_of)
    gone = last is not None and not Path(run.config.models, last["metrics"]["model_version"]).is_dir()
    return run.step(
        "finetune_model", work, inputs=[examples], sections=SECTIONS, parameters=parameters, as_of=as_of, again=gone
    )


def _finetune(run: Run, examples: TableVersion, dense: Sequence[str], as_of: date) -> Outcome:
    settings = run.config.finetune_model
    table = DeltaTable(run.store.path(examples.table), version=examples.version)
    train = split_rows(table, "train")
    most = run.config.train_model.label_categories
    spec, _ = with_heads(feature_spec(run, train, dense), train, [settings.task], most_classes=most)
    request = training_request(run, examples, spec, run.config.train_model)
    weights: dict[str, Any] = {**request.settings["task_weight"], settings.task: 1.0}
    request = replace(
        request,
        settings={**request.settings, "task_weight": weights},
        begun_by=pretrained_folder(run) if settings.start == "pretrained" else "",
        frozen=tuple(settings.frozen),
        learnt_share=settings.labels_share,
        epochs=settings.epochs,
        patience=settings.patience,
        learning_rate=scaled_rate(run, settings.learning_rate),
        seed=settings.seed,
    )
    identity = hashlib.sha256(f"{request.identity()} {code_version()}".encode()).hexdigest()[:8]
    model_version = f"{run.config.source.name}-{as_of}-{settings.task}-{identity}"
    trained = launched(run, request, processes=run.config.train_model.processes)
    files, measures = with_serving(run, trained, spec, table, train)
    files |= with_space(Space(model_version, "a model of one score has its own"), measures)
    write_model(Path(run.config.models) / model_version, files)
    of_network = measures["test"].get(settings.task, {}).get("network", {})
    told = {name: value for name, value in of_network.items() if value is not None}
    figures = {"model_version": model_version, "task": settings.task, "epochs": len(trained.history), **told}
    by = HEADS[settings.task].by[0]
    run.say(
        f"{settings.task}: {by} {told.get(by)} on the test, from {settings.start}; {json.dumps(measures['served_by'])}"
    )
    return Outcome([], figures)
