"""A small gold.training_examples on disk, and a request to train on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
from deltalake import WriterProperties, write_deltalake

import userprofile.model.profile_model  # noqa: F401  (registers the layers that a network's file names)
from userprofile.heads.every import with_heads
from userprofile.spec import FeatureSpec, fit_spec
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import NETWORK as NETWORK_FILE
from userprofile.training.trained import Trained

NETWORK: dict[str, Any] = {
    "encoder": "gru",
    "summary": "mean",
    "layers": 1,
    "heads": 1,
    "item_width": 4,
    "category_width": 3,
    "action_width": 2,
    "channel_width": 2,
    "sequence_width": 6,
    "dense_width": 5,
    "embedding_width": 8,
    "dropout": 0.0,
    "fusion": "concat",
    "task_weights": "fixed",
    "task_weight": {"purchase": 1.0, "spend": 0.5, "next_categories": 1.0, "next_action": 0.5, "window_items": 0.2},
}


def examples(rows: int, split: str, *, seed: int) -> pa.Table:
    """Users whose activity decides whether they buy, and whose last category they buy again."""
    chance = np.random.default_rng(seed)
    activity = chance.normal(size=rows)
    lengths = chance.integers(0, 7, rows)
    categories = [chance.integers(1, 5, n) for n in lengths]
    buys = chance.random(rows) < 1 / (1 + np.exp(-2 * activity))

    def lists(values: list[np.ndarray], kind: pa.DataType) -> pa.Array:
        return pa.array([v.tolist() for v in values], pa.list_(kind))

    return pa.table(
        {
            "user_id": [f"user-{split}-{i}" for i in range(rows)],
            "split": [split] * rows,
            "activity": activity,
            "recency": pa.array([None if n == 0 else float(n) for n in lengths]),
            "sequence_action": lists([chance.integers(0, 5, n) for n in lengths], pa.int8()),
            "sequence_item": lists([chance.integers(1, 30, n) for n in lengths], pa.int32()),
            "sequence_category_1": lists(categories, pa.int32()),
            "sequence_age_days": lists([np.sort(chance.random(n) * 90)[::-1] for n in lengths], pa.float32()),
            "label_purchase": pa.array(buys.astype(np.int8)),
            "label_spend": pa.array(np.where(buys, chance.integers(100, 9000, rows), 0)),
            "label_next_categories": pa.array(
                [[int(c[-1])] if b and len(c) else [] for b, c in zip(buys, categories, strict=True)],
                pa.list_(pa.int32()),
            ),
            "label_next_action": pa.array([4 if bought else None for bought in buys], pa.int8()).fill_null(0),
            "label_window_items": lists([chance.integers(1, 30, n) for n in chance.integers(0, 4, rows)], pa.int32()),
        }
    )


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    """203 training, 60 validation and 60 test rows, 25 a row group."""
    path = str(tmp_path_factory.mktemp("gold") / "training_examples")
    parts = [examples(203, "train", seed=1), examples(60, "validation", seed=2), examples(60, "test", seed=3)]
    properties = WriterProperties(max_row_group_size=25)
    write_deltalake(path, pa.concat_tables(parts), partition_by=["split"], writer_properties=properties)
    return path


@pytest.fixture
def own_table(table: str, tmp_path: Path) -> str:
    """A copy of `table`, to be changed."""
    return str(shutil.copytree(table, tmp_path / "own_table"))


@pytest.fixture(scope="session")
def spec() -> FeatureSpec:
    """Fitted on the training rows of `table`."""
    rows = examples(203, "train", seed=1)
    fitted = fit_spec(
        rows,
        dense_names=["activity", "recency"],
        sequence_length=5,
        category_level=1,
        item_vocabulary_size=20,
        window_days=(0.0, 14.0),
        churn_active_days=90,
    )
    return with_heads(fitted, rows, NETWORK["task_weight"], most_classes=10)[0]


@pytest.fixture
def request_for(table: str, spec: FeatureSpec) -> Callable[..., TrainingRequest]:
    """A request on `table`, two epochs of four steps, with whatever is to be different."""

    def changed(**changes: Any) -> TrainingRequest:
        usual = TrainingRequest(
            table=table,
            version=0,
            spec=spec,
            settings=NETWORK,
            epochs=2,
            batch_rows=60,
            learning_rate=0.01,
            weight_decay=0.0,
            patience=5,
            seed=7,
            shards=2,
            threads_per_rank=1,
            timeout_seconds=200,
            stall_seconds=60,
        )
        return replace(usual, **changes)

    return changed


@pytest.fixture
def dropping() -> dict[str, Any]:
    """A network with dropout, so that a training that goes on must draw what it would have drawn."""
    return {**NETWORK, "dropout": 0.3}


@pytest.fixture
def weights_of(tmp_path: Path) -> Callable[[Trained], list[np.ndarray]]:
    """The weights of a network as it was saved."""

    def read(trained: Trained) -> list[np.ndarray]:
        path = tmp_path / NETWORK_FILE
        path.write_bytes(trained.files[NETWORK_FILE])
        return keras.saving.load_model(path).get_weights()

    return read


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder that a launcher may use; empty again after it."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    return folder
