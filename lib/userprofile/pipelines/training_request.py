"""What the configuration asks of a training, for whoever starts its ranks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from userprofile.config.learning import Learning
from userprofile.errors import DataGateError
from userprofile.feed.histories import HistorySpec
from userprofile.heads.every import with_heads
from userprofile.pipelines.dates import label_window
from userprofile.pipelines.engine import category_level, names_of_codes
from userprofile.pipelines.steps import Run
from userprofile.spec import FeatureSpec, fit_spec
from userprofile.tables.store import TableVersion
from userprofile.training.launch import launch
from userprofile.training.request import TrainingRequest, scaled_learning_rate
from userprofile.training.trained import Trained
from userprofile.windows import DAY


def training_request(
    run: Run, examples: TableVersion, spec: FeatureSpec | HistorySpec, learning: Learning
) -> TrainingRequest:
    """On the pinned examples; how ranks run is train_model's for every task. No checkpoints are asked for."""
    ranks = run.config.train_model
    return TrainingRequest(
        table=run.store.path(examples.table),
        version=examples.version,
        spec=spec,
        settings=learning.of_task(),
        epochs=learning.epochs,
        batch_rows=learning.batch_rows,
        learning_rate=scaled_learning_rate(
            learning.learning_rate, batch_rows=learning.batch_rows, of_batch_rows=learning.learning_rate_batch_rows
        ),
        weight_decay=learning.weight_decay,
        patience=learning.patience,
        seed=learning.seed,
        shards=ranks.shards,
        threads_per_rank=ranks.threads_per_process,
        bind_to_cores=ranks.bind_to_cores,
        cycle_milliseconds=ranks.cycle_milliseconds,
        timeout_seconds=learning.timeout.total_seconds(),
        stall_seconds=ranks.stall.total_seconds(),
        silent_seconds=ranks.beat.total_seconds(),
        checkpoint_steps=ranks.checkpoint_steps,
        warmup_steps=learning.warmup_steps,
        shard_item_table=ranks.shard_item_table,
        half_precision=ranks.half_precision,
        gradient_accumulation=ranks.gradient_accumulation,
        skipped_steps=ranks.skipped_steps,
    )


def pretrained_folder(run: Run) -> str:
    """Beside the tables, where every rank finds what pretrain_model left."""
    return f"{run.store.root}/pretrained"


def pretraining_of(run: Run, as_of: date) -> str:
    """The run that pre-trained as of this date. Raises DataGateError where there is none."""
    done = run.last("pretrain_model", as_of=as_of)
    if done is None:
        raise DataGateError(
            f"nothing has been pre-trained as of {as_of}",
            expected="a body that pretrain_model left",
            received="none in ops.runs",
            fix=f"make pretrain_model SOURCE={run.source}",
        )
    return str(done["run_id"])


def scaled_rate(run: Run, rate: float) -> float:
    """A learning rate for train_model's batches, of one that was found for learning_rate_batch_rows."""
    ranks = run.config.train_model
    return scaled_learning_rate(rate, batch_rows=ranks.batch_rows, of_batch_rows=ranks.learning_rate_batch_rows)


def launched(run: Run, request: TrainingRequest, *, processes: int) -> Trained:
    """Trained on so many ranks, where the configuration has them: executors of a cluster, its launcher, or here."""
    workplace = Path(run.config.models)
    workplace.mkdir(parents=True, exist_ok=True)
    return launch(
        request,
        processes=processes,
        spark=None if str(run.spark.sparkContext.master).startswith("local") else run.spark,
        workplace=workplace,
        report=run.say,
        restarts=run.config.train_model.restarts if request.checkpoints else 0,
        launcher=run.config.train_model.launcher,
        slots_within=run.config.spark.resources_timeout,
    )


def feature_spec(run: Run, train: pa.Table, dense: Sequence[str]) -> FeatureSpec:
    """What the profile model reads, of training rows; no heads yet."""
    settings, window = run.config.train_model, label_window(run)
    return fit_spec(
        train,
        dense_names=dense,
        sequence_length=settings.sequence_length,
        category_level=category_level(names_of_codes(run), run.config.build_training_set.category_level),
        item_vocabulary_size=settings.item_vocabulary,
        window_days=(window.gap / DAY, window.horizon / DAY),
        churn_active_days=run.config.build_training_set.churn_active_days,
        habit_length=settings.habit_length,
        quantiles=settings.numbers == "quantile",
        item_buckets=settings.item_buckets,
        channels=settings.channels,
    )


def profile_spec(run: Run, train: pa.Table, dense: Sequence[str]) -> tuple[FeatureSpec, dict[str, str]]:
    """The same with the heads that training rows teach, of those with a weight; and why they do not teach others."""
    settings, spec = run.config.train_model, feature_spec(run, train, dense)
    wanted = [name for name, weight in settings.of_task()["task_weight"].items() if weight > 0]
    spec, reasons = with_heads(spec, train, wanted, most_classes=settings.label_categories)
    for name, reason in reasons.items():
        run.say(f"{name} is not learnt: {reason}")
    return spec, reasons
