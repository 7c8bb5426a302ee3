"""The training loop: plan, feed, step, reduce, validate; the same for one rank and for many."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

import keras
import numpy as np

from userprofile.errors import DataGateError, UserprofileError
from userprofile.feed.plan import Plan, RowGroup, plan_pass, shards_of_rank
from userprofile.feed.read import batches
from userprofile.model.profile_model import build_model
from userprofile.tables.row_groups import row_groups
from userprofile.training.collective import Collective
from userprofile.training.progress import Progress, losses_in_words, means
from userprofile.training.request import TrainingRequest
from userprofile.training.step import Step, Sums, training_step, validation_step
from userprofile.training.trained import HISTORY, NETWORK, SPEC, Trained

# Rows that a shard shuffles in memory.
BUFFER_ROWS = 16_384

Losses = dict[str, float]  # means per head


def train(
    request: TrainingRequest,
    collective: Collective,
    *,
    report: Callable[[str], None],
    beat: Callable[[], None] = lambda: None,
) -> Trained:
    """The weights of the epoch of least validation loss; files on rank 0 only.

    Only rank 0 reports; `beat` is called on every rank after every step. Without validation rows all epochs are gone
    through and the last weights kept. Raises DataGateError without training rows, UserprofileError when the loss is
    no longer finite.
    """
    run = _Run(request, collective, report if collective.rank == 0 else lambda line: None, beat)
    model = _initial_model(request, collective)
    optimiser = keras.optimizers.AdamW(request.learning_rate, weight_decay=request.weight_decay)
    learn, validate = training_step(model, optimiser, collective), validation_step(model)
    train_rows, validation_rows = run.listed("train"), run.listed("validation")
    _require_rows(train_rows, request)

    progress = run.announced(run.plan(train_rows, epoch=1))
    best, history = _Best(model), list[dict[str, Any]]()
    for epoch in range(1, request.epochs + 1):
        started = time.monotonic()
        losses = run.learnt(learn, run.plan(train_rows, epoch=epoch), epoch, progress)
        seconds = time.monotonic() - started
        validation = run.validated(validate, run.plan(validation_rows))
        history.append({"epoch": epoch, "seconds": seconds, "train": losses, "validation": validation})
        run.report(_in_words(history[-1], request.epochs))
        best.see(epoch, validation)
        if collective.broadcast_object(validation is not None and epoch - best.epoch >= request.patience):
            run.report(
                f"no better validation loss in {request.patience} epochs: the weights of epoch {best.epoch} stay"
            )
            break
    best.restore()
    return Trained(_files(model, request, history) if collective.rank == 0 else {}, history)


@dataclass(frozen=True)
class _Run:
    """What stays the same from epoch to epoch."""

    request: TrainingRequest
    collective: Collective
    report: Callable[[str], None]
    beat: Callable[[], None]

    @property
    def shards(self) -> range:
        return shards_of_rank(self.request.shards, rank=self.collective.rank, size=self.collective.size)

    def listed(self, split: str) -> list[RowGroup]:
        """As rank 0 sees them, so that no rank plans with another list."""
        found: list[tuple[str, int, int]] = []
        if self.collective.rank == 0:
            found = row_groups(self.request.table, self.request.version, partition={"split": split})
        return list(starmap(RowGroup, self.collective.broadcast_object(found)))

    def plan(self, rows: list[RowGroup], *, epoch: int | None = None) -> Plan:
        """Shuffled for this epoch, or in the order of the files."""
        return plan_pass(
            rows,
            shards=self.request.shards,
            batch_rows=self.request.batch_rows,
            shuffle=None if epoch is None else (self.request.seed, epoch),
            buffer_rows=BUFFER_ROWS,
        )

    def learnt(self, step: Step, plan: Plan, epoch: int, progress: Progress) -> Losses:
        """One epoch; mean loss per head over it, each batch seen before the weights learnt from it."""
        sums = Sums()
        for number, batch in enumerate(batches(plan, self.shards, self.request.spec), start=1):
            sums.add(step(batch))
            self.beat()
            progress.step(epoch, number, sums.read)
        return _require_finite(means(sums.read()), epoch)

    def validated(self, step: Step, plan: Plan) -> Losses | None:
        """Mean loss per head over all validation rows; None where there are none."""
        if not plan.rows:
            return None
        sums = Sums()
        for batch in batches(plan, self.shards, self.request.spec):
            sums.add(step(batch))
            self.beat()
        return means(self.collective.sum(sums.read()))

    def announced(self, plan: Plan) -> Progress:
        ranks = f"{self.collective.size} rank{'s' * (self.collective.size > 1)}"
        self.report(
            f"training on {plan.rows:,} examples of table version {self.request.version}, {ranks}: at most "
            f"{self.request.epochs} epochs of {plan.steps:,} steps of {self.request.batch_rows:,} examples"
        )
        return Progress(self.report, epochs=self.request.epochs, steps=plan.steps, batch_rows=self.request.batch_rows)


class _Best:
    """The weights of the epoch of least validation loss."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.epoch, self.loss = 0, math.inf
        self.weights: list[np.ndarray] | None = None

    def see(self, epoch: int, validation: Losses | None) -> None:
        if validation is not None and (loss := sum(validation.values())) < self.loss:
            self.epoch, self.loss, self.weights = epoch, loss, self.model.get_weights()

    def restore(self) -> None:
        if self.weights is not None:
            self.model.set_weights(self.weights)


def _initial_model(request: TrainingRequest, collective: Collective) -> keras.Model:
    """The same weights on every rank. Dropout differs from rank to rank: its generators are not among the weights."""
    keras.utils.set_random_seed(request.seed + collective.rank)
    model = build_model(request.spec, settings=request.settings)
    collective.broadcast(model.weights)
    return model


def _files(model: keras.Model, request: TrainingRequest, history: list[dict[str, Any]]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder) / NETWORK)
        return {
            NETWORK: path.read_bytes(),
            SPEC: request.spec.to_json().encode(),
            HISTORY: json.dumps(history, indent=1).encode(),
        }


def _in_words(entry: dict[str, Any], epochs: int) -> str:
    validation = entry["validation"]
    judged = f"validation {losses_in_words(validation)}" if validation else "no validation rows"
    return f"epoch {entry['epoch']}/{epochs} in {entry['seconds']:.1f} s: {losses_in_words(entry['train'])}; {judged}"


def _require_rows(rows: list[RowGroup], request: TrainingRequest) -> None:
    if not sum(group.rows for group in rows):
        raise DataGateError(
            "there is nothing to learn from",
            expected="at least one row of split train",
            received=f"none in version {request.version} of {request.table}",
            fix="make build_training_set with an earlier as-of date, whose label window is complete",
        )


def _require_finite(losses: Losses, epoch: int) -> Losses:
    if not all(map(math.isfinite, losses.values())):
        raise UserprofileError(
            f"the loss is no longer a finite number in epoch {epoch}",
            expected="finite losses",
            received=losses_in_words(losses),
            fix="lower train_model.learning_rate, and look for infinite values among the features",
        )
    return losses
