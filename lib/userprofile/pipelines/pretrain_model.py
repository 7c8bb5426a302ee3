"""gold.training_examples without their labels -> the body of a profile model, beside the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from deltalake import DeltaTable

from userprofile.feed.plan import rows_of_shard
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.examples import built_examples
from userprofile.pipelines.selected_features import features_to_train
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.train_model import split_rows
from userprofile.pipelines.training_request import (
    feature_spec,
    launched,
    pretrained_folder,
    scaled_rate,
    training_request,
)
from userprofile.tables.store import TableVersion
from userprofile.training.checkpoint import Checkpoint, Checkpoints
from userprofile.training.evaluate import unpacked
from userprofile.training.pretraining import LOSSES
from userprofile.training.request import TrainingRequest, body_identity
from userprofile.training.trained import BODY

SECTIONS = ["source", "refine_events", "build_features", "build_training_set", "train_model", "pretrain_model"]


def pretrain_model(run: Run) -> Step:
    """On the examples that were built as of the date; labels are not read."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    examples, dense = built_examples(run, as_of), features_to_train(run, as_of)
    work = partial(_pretrain, run, examples, dense)
    return run.step("pretrain_model", work, inputs=[examples], sections=SECTIONS, as_of=as_of)


def _pretrain(run: Run, examples: TableVersion, dense: Sequence[str]) -> Outcome:
    table = DeltaTable(run.store.path(examples.table), version=examples.version)
    train = split_rows(table, "train")
    spec = feature_spec(run, train, dense)
    request = _request(run, training_request(run, examples, spec, run.config.train_model))
    trained = launched(run, request, processes=run.config.train_model.processes)
    body: dict[str, np.ndarray] = unpacked(trained.files[BODY])
    kept = Checkpoints.made(pretrained_folder(run))
    kept.clear()
    kept.save(Checkpoint(body_identity(spec), len(trained.history), body, {}))
    # By what training, too, chose the weights that stay.
    weight = request.settings["weights"]
    best = min(
        trained.history,
        key=lambda entry: sum(weight[name] * (entry["validation"] or entry["train"])[name] for name in LOSSES),
    )
    losses = {f"validation_{name}": round(value, 4) for name, value in (best["validation"] or {}).items()}
    return Outcome([], {"examples": train.num_rows, "epochs": len(trained.history), **losses})


def _request(run: Run, request: TrainingRequest) -> TrainingRequest:
    settings = run.config.pretrain_model
    together = rows_of_shard(request.batch_rows, request.shards) // request.gradient_accumulation
    of_task: dict[str, Any] = {
        "weights": {name: getattr(settings, name) for name in LOSSES},
        "rows_together": together,
    }
    return replace(
        request,
        pretraining=True,
        settings={**request.settings, **of_task},
        epochs=settings.epochs,
        patience=settings.patience,
        learning_rate=scaled_rate(run, settings.learning_rate),
    )
