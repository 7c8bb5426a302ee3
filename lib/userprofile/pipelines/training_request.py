"""What the configuration asks of a training, for whoever starts its ranks."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from userprofile.pipelines.engine import category_level, names_of_codes
from userprofile.pipelines.steps import Run
from userprofile.spec import FeatureSpec, fit_spec
from userprofile.tables.store import TableVersion
from userprofile.training.request import TrainingRequest, scaled_learning_rate


def training_request(run: Run, examples: TableVersion, train: pa.Table, dense: Sequence[str]) -> TrainingRequest:
    """On the pinned examples, of which `train` is what is learnt from; no checkpoints are asked for."""
    settings = run.config.train_model
    return TrainingRequest(
        table=run.store.path(examples.table),
        version=examples.version,
        spec=_spec(run, train, dense),
        settings=settings.network.model_dump(),
        epochs=settings.epochs,
        batch_rows=settings.batch_rows,
        learning_rate=scaled_learning_rate(
            settings.learning_rate, batch_rows=settings.batch_rows, of_batch_rows=settings.learning_rate_batch_rows
        ),
        weight_decay=settings.weight_decay,
        patience=settings.patience,
        seed=settings.seed,
        shards=settings.shards,
        threads_per_rank=settings.threads_per_process,
        timeout_seconds=settings.timeout.total_seconds(),
        stall_seconds=settings.stall.total_seconds(),
        silent_seconds=settings.beat.total_seconds(),
        checkpoint_steps=settings.checkpoint_steps,
        warmup_steps=settings.warmup_steps,
        half_precision=settings.half_precision,
        gradient_accumulation=settings.gradient_accumulation,
        skipped_steps=settings.skipped_steps,
    )


def _spec(run: Run, train: pa.Table, dense: Sequence[str]) -> FeatureSpec:
    return fit_spec(
        train,
        dense_names=dense,
        sequence_length=run.config.train_model.sequence_length,
        category_level=category_level(names_of_codes(run), run.config.build_training_set.category_level),
        item_vocabulary_size=run.config.train_model.item_vocabulary,
        label_category_limit=run.config.train_model.label_categories,
    )
