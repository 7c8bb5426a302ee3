"""A gold.training_examples for bench-training: as wide as a real one, of users drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake
from measure import CHECKOUT

from userprofile.config.load import load_config
from userprofile.heads.every import HEADS, with_heads
from userprofile.spec import FeatureSpec, fit_spec
from userprofile.training.request import TrainingRequest

DENSE = [f"feature_{number}" for number in range(200)]
EVENTS, ITEMS, CATEGORIES = 50, 20_000, 200
ROWS_PER_GROUP = 20_000  # as the library writes it


def write_table(folder: Path, *, rows: int) -> FeatureSpec:
    """So many training examples, a hundred of validation, and the spec that training would fit on them."""
    table = _examples(rows, "train", np.random.default_rng(7))
    beside = _examples(100, "validation", np.random.default_rng(8))
    properties = WriterProperties(max_row_group_size=ROWS_PER_GROUP)
    both = pa.concat_tables([table, beside])
    write_deltalake(str(folder), both, partition_by=["split"], writer_properties=properties)
    taught = table.slice(0, 5_000)
    spec = fit_spec(
        taught, dense_names=DENSE, sequence_length=EVENTS, category_level=1, item_vocabulary_size=5_000,
        window_days=(0, 14), churn_active_days=90,
    )  # fmt: skip
    return with_heads(spec, taught, HEADS, most_classes=300)[0]


def request_of(folder: Path, spec: FeatureSpec) -> TrainingRequest:
    """The network and the settings of conf/base.yaml, without an end to patience."""
    settings = load_config(CHECKOUT / "conf", source="demo_shop").train_model
    return TrainingRequest(
        table=str(folder),
        version=0,
        spec=spec,
        settings=settings.of_task(),
        epochs=1,
        batch_rows=settings.batch_rows,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        patience=100_000,
        seed=7,
        shards=settings.shards,
        threads_per_rank=1,
        timeout_seconds=600,
        silent_seconds=settings.beat.total_seconds(),
        checkpoint_steps=settings.checkpoint_steps,
    )


def _examples(rows: int, split: str, chance: np.random.Generator) -> pa.Table:
    lengths = chance.integers(1, EVENTS + 1, rows)
    offsets = pa.array(np.concatenate([[0], lengths.cumsum()]), pa.int32())
    events = int(lengths.sum())

    def lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.ListArray.from_arrays(offsets, pa.array(values, kind))

    def one(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1), pa.int32()), pa.array(values, kind))

    spends = chance.random(rows) < 0.3
    dense = {name: pa.array(chance.normal(size=rows), mask=chance.random(rows) < 0.2) for name in DENSE}
    return pa.table(
        {
            "user_id": [f"{number:032x}" for number in range(rows)],
            "split": pa.array([split] * rows),
            **dense,
            "sequence_action": lists(chance.integers(0, 5, events), pa.int8()),
            "sequence_item": lists(chance.zipf(1.3, events) % ITEMS + 1, pa.int32()),
            "sequence_category_1": lists(chance.integers(1, CATEGORIES + 1, events), pa.int32()),
            "sequence_age_days": lists(chance.random(events) * 90, pa.float32()),
            "label_purchase": pa.array(spends.astype(np.int8)),
            "label_spend": pa.array(np.where(spends, chance.integers(100, 9_000, rows), 0)),
            "label_next_categories": one(chance.integers(1, CATEGORIES + 1, rows), pa.int32()),
            "label_churn": pa.array((~spends).astype(np.int8)),
            "label_days_to_purchase": pa.array(chance.random(rows) * 14, mask=~spends),
            "label_next_action": pa.array(chance.integers(0, 5, rows), pa.int8()),
            "label_window_actions": one(chance.integers(0, 5, rows), pa.int8()),
            "label_next_item": pa.array(chance.zipf(1.3, rows) % ITEMS + 1, pa.int32()),
            "label_window_items": one(chance.zipf(1.3, rows) % ITEMS + 1, pa.int32()),
            "label_risk": pa.nulls(rows, pa.int8()),  # a log that does not tell
        }
    )
