"""The training loop: plan, feed, step, reduce, validate; the same for one rank and for many."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from userprofile.errors import InterruptedRunError, UsageError
from userprofile.feed.plan import Plan, RowGroup
from userprofile.model.pretraining import set_body
from userprofile.training.checkpoint import Checkpoints
from userprofile.training.collective import Collective
from userprofile.training.guards import digest, of_rank, require_same, require_same_weights, weights_of
from userprofile.training.keeper import Keeper
from userprofile.training.limits import require_few_skipped, require_finite, require_rows
from userprofile.training.progress import SKIPPED, Progress, epoch_in_words, means
from userprofile.training.request import TrainingRequest, body_identity
from userprofile.training.rows import BUFFER_ROWS, Rows
from userprofile.training.sharding import Sharding, sharded, whole_network
from userprofile.training.skipped import Skipped
from userprofile.training.state import Losses, TrainingState
from userprofile.training.step import Step, Sums, WholeStep, training_step, validation_step
from userprofile.training.tasks import Profile, task_of
from userprofile.training.trained import HISTORY, NETWORK, PLAN, SPEC, Trained

Beat = Callable[[str, int, int], None]

# Ranks ask each other as seldom, since each question waits for the slowest.
STEPS_BETWEEN_QUESTIONS = 10


def train(
    request: TrainingRequest,
    collective: Collective,
    *,
    report: Callable[[str], None],
    beat: Beat = lambda phase, epoch, steps: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """The weights of the epoch that is best on validation, as the task judges; files on rank 0 only.

    Goes on from the latest checkpoint of the same training, if request.checkpoints holds one. Only rank 0 reports;
    `beat` is called on every rank after every step, with what it does, the epoch, and the steps done. Where `stop` is
    true on a rank, all write a checkpoint and raise InterruptedRunError. Without validation rows all epochs are gone
    through and the last weights kept. Raises DataGateError without training rows, UserprofileError when the loss is no
    longer finite.
    """
    report = report if collective.rank == 0 else lambda line: None
    task = task_of(request)
    rows = Rows(request, task.form(), collective)
    run = _Run(request, collective, rows, Keeper(request, collective), report, beat, stop)
    model = initial_model(request, collective)
    optimiser = keras.optimizers.AdamW(warmed_up(request), weight_decay=request.weight_decay)
    learn = training_step(WholeStep(task, model, optimiser, collective, **of_step(request)))
    validate = validation_step(task, model)
    train_rows, validation_rows = rows.listed(request.learnt), rows.listed(request.validated)
    require_rows(train_rows, request)
    require_same(collective, {"plan": digest(rows.plan(train_rows, epoch=1)), **weights_of(model)})
    state = TrainingState(model, optimiser, Sharding(model, collective))
    run.keeper.resume(state, run.report)

    progress = run.announced(rows.plan(train_rows, epoch=1), state)
    while state.epoch <= request.epochs and not state.ended:
        started = time.monotonic()
        losses, skipped = run.learnt(learn, rows.plan(train_rows, epoch=state.epoch), state, progress)
        seconds = time.monotonic() - started
        validation = run.validated(validate, rows.plan(validation_rows), state.epoch)
        entry = {
            "epoch": state.epoch, "seconds": seconds, "train": losses, "validation": validation, "skipped": skipped,
        }  # fmt: skip
        run.report(epoch_in_words(entry, request.epochs))
        state.best.see(state.epoch, None if validation is None else task.unfit(validation))
        require_same_weights(collective, model, epoch=state.epoch, step=state.step)
        state.closed(entry, ended=run.is_patience_over(state, validation))
        run.keeper.keep(state)
    run.keeper.wait()
    state.best.restore()
    model = whole_network(task, model, collective)
    files = _files(model, request, state.history, train_rows) if collective.rank == 0 else {}
    return Trained(files, state.history)


@dataclass(frozen=True)
class _Run:
    """What stays the same from epoch to epoch."""

    request: TrainingRequest
    collective: Collective
    rows: Rows
    keeper: Keeper
    report: Callable[[str], None]
    beat: Beat
    stop: Callable[[], bool]

    def learnt(self, step: Step, plan: Plan, state: TrainingState, progress: Progress) -> tuple[Losses, int]:
        """The rest of the epoch; mean loss per head over all of it, each batch seen before the weights learnt from
        it, and how many steps were skipped.
        """
        skipped = Skipped(self.request, self.collective, self.rows, plan)
        for batch in self.rows.fed(plan, done=state.step):
            sums = step(batch)
            state.stepped(sums)
            skipped.add(state.step, batch, sums)
            self.beat("training", state.epoch, state.steps)
            progress.step(state.epoch, state.step, state.sums.read)
            if state.steps % self.request.checkpoint_steps == 0:
                require_same_weights(self.collective, state.model, epoch=state.epoch, step=state.step)
                self.keeper.keep(state)
            if state.steps % STEPS_BETWEEN_QUESTIONS == 0:
                self._require_few(skipped, state, limit=self.request.skipped_steps)
                self._end_if_asked(state)
        self._require_few(skipped, state, limit=min(self.request.skipped_steps, plan.steps - 1))
        of_epoch = state.sums.read()
        return means(of_epoch), int(of_epoch[SKIPPED])

    def _require_few(self, skipped: Skipped, state: TrainingState, *, limit: int) -> None:
        """No more steps are skipped than the limit; else rank 0's last checkpoint is let stand before any rank ends."""
        skipped.look(self.report)
        found = int(state.sums.read()[SKIPPED])
        if found > limit:
            self.keeper.wait()
            self.collective.barrier()
        require_few_skipped(skipped.culprits, skipped=found, steps=state.step, limit=limit, epoch=state.epoch)

    def _end_if_asked(self, state: TrainingState) -> None:
        if self._is_to_stop():
            self.keeper.keep(state)
            self.keeper.wait()
            self.collective.barrier()  # the first rank to end has all others ended, rank 0 amid its writing
            raise InterruptedRunError(
                f"the training was stopped after step {state.step:,} of epoch {state.epoch}",
                fix="the same command goes on from there",
            )

    def is_patience_over(self, state: TrainingState, validation: Losses | None) -> bool:
        """As rank 0 sees it, before the epoch is closed."""
        over = validation is not None and state.epoch - state.best.epoch >= self.request.patience
        over = self.collective.broadcast_object(over)
        if over:
            self.report(
                f"no better on validation in {self.request.patience} epochs: the weights of epoch "
                f"{state.best.epoch} stay"
            )
        return over

    def _is_to_stop(self) -> bool:
        """Whether any rank is asked to; all ranks have the same answer, at the same step."""
        return self.collective.sum({"stop": float(self.stop())})["stop"] > 0

    def validated(self, step: Step, plan: Plan, epoch: int) -> Losses | None:
        """Mean loss per head over all validation rows; None where there are none."""
        if not plan.rows:
            return None
        sums = Sums()
        for number, batch in enumerate(self.rows.fed(plan), start=1):
            sums.add(step(batch))
            self.beat("validating", epoch, number)
        skipped = Skipped(self.request, self.collective, self.rows, plan)
        return require_finite(means(self.collective.sum(sums.read())), epoch, skipped.in_pass)

    def announced(self, plan: Plan, state: TrainingState) -> Progress:
        """Says what begins."""
        ranks = f"{self.collective.size} rank{'s' * (self.collective.size > 1)}"
        request = self.request
        self.report(
            f"training on {plan.rows:,} examples of table version {request.version}, {ranks}: at most "
            f"{request.epochs} epochs of {plan.steps:,} steps of {request.batch_rows:,} examples"
        )
        if rows := state.sharding.rows:
            self.report(f"the {rows:,} embeddings of items are dealt to {ranks}")
        return Progress(
            self.report, epochs=request.epochs, steps=plan.steps, batch_rows=request.batch_rows, done=state.steps
        )


def warmed_up(request: TrainingRequest) -> keras.optimizers.schedules.LearningRateSchedule:
    """Grows in proportion to the step to the learning rate, and stays (Goyal et al. 2017, section 2.2)."""
    steps, rate = request.warmup_steps, request.learning_rate
    return keras.optimizers.schedules.PolynomialDecay(rate / (steps + 1), max(steps, 1), end_learning_rate=rate)


def of_step(request: TrainingRequest) -> dict[str, int]:
    """What a step takes of the request."""
    return {
        "parts": request.gradient_accumulation,
        "half_of_rows": request.batch_rows if request.half_precision else 0,
    }


def initial_model(request: TrainingRequest, collective: Collective) -> keras.Model:
    """The same weights on every rank, or its shard of the item table.

    Dropout differs from rank to rank: its generators are not among the weights.

    Raises EnvironmentMismatchError where ranks would not do the same.
    """
    keras.utils.set_random_seed(request.seed + collective.rank)
    task = task_of(request)
    model = task.model()
    for part in request.frozen:
        model.get_layer(part).trainable = False
    require_same(collective, of_rank(request, model))
    if request.begun_by and collective.rank == 0:
        set_body(model, begun_by(request))
    collective.broadcast(model.weights)
    return sharded(task, model, collective) if request.shard_item_table and isinstance(task, Profile) else model


def begun_by(request: TrainingRequest) -> Mapping[str, np.ndarray]:
    """The body that a pre-training on the same spec left. Raises UsageError where there is none."""
    found = Checkpoints(request.begun_by).latest(body_identity(request.spec))
    if found is None:
        raise UsageError(
            "nothing was pre-trained for these features",
            expected=f"the body of a pre-training on the same spec in {request.begun_by}",
            received="none, or of another spec",
            fix="make pretrain_model",
        )
    return found.arrays


def _files(
    model: keras.Model, request: TrainingRequest, history: list[dict[str, Any]], rows: list[RowGroup]
) -> dict[str, bytes]:
    plan = {
        "row_groups": [astuple(group) for group in rows],
        "shards": request.shards,
        "batch_rows": request.batch_rows,
        "shuffle": [request.seed, "epoch"],
        "buffer_rows": BUFFER_ROWS,
    }
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder) / NETWORK)
        return {
            NETWORK: path.read_bytes(),
            SPEC: request.spec.to_json().encode(),
            HISTORY: json.dumps(history, indent=1).encode(),
            PLAN: json.dumps(plan).encode(),
        }
