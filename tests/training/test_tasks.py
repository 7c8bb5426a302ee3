"""The same loop trains next items: ranks and shards change nothing, and what is left judges every history."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from userprofile.errors import DataGateError
from userprofile.feed.histories import HistorySpec, fit_history_spec
from userprofile.training.collective import alone
from userprofile.training.launch import launch
from userprofile.training.loop import train
from userprofile.training.request import TrainingRequest
from userprofile.training.tasks import NextItem, Profile, task_of
from userprofile.training.trained import EVENT_TABLES, ITEMS, NETWORK, PREDICTIONS

CIRCLE = 6
SETTINGS = {
    "encoder": "transformer", "width": 8, "layers": 1, "heads": 2, "dropout": 0.0, "sampled_items": 0,
    "sampled_loss": "softmax", "gbce_t": 0.75, "own_dropout": 0.0,
}  # fmt: skip


def histories(rows: int, split: str, *, seed: int, targets: int) -> pa.Table:
    """Users who go through items in a circle, from anywhere."""
    chance = np.random.default_rng(seed)
    items = [
        [int(i) for i in (chance.integers(CIRCLE) + np.arange(chance.integers(2, 9))) % CIRCLE + 1] for _ in range(rows)
    ]
    return pa.table(
        {
            "split": [split] * rows,
            "sequence_item": pa.array(items, pa.list_(pa.int32())),
            "sequence_action": pa.array([[1] * len(one) for one in items], pa.list_(pa.int8())),
            "sequence_gap_days": pa.array([[1.0] * len(one) for one in items], pa.list_(pa.float32())),
            "label_targets": pa.array([min(targets, len(one) - 1) for one in items], pa.int32()),
        }
    )


@pytest.fixture(scope="module")
def of_histories(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, HistorySpec]:
    path = str(tmp_path_factory.mktemp("gold") / "history_examples")
    train = histories(120, "train", seed=1, targets=99)
    parts = [train, histories(40, "validation", seed=2, targets=1), histories(30, "test", seed=3, targets=1)]
    write_deltalake(path, pa.concat_tables(parts), partition_by=["split"])
    return path, fit_history_spec(train, sequence_length=5, vocabulary_size=100)


@pytest.fixture
def next_items(
    request_for: Callable[..., TrainingRequest], of_histories: tuple[str, HistorySpec]
) -> Callable[..., Any]:
    table, spec = of_histories

    def asked(**changes: Any) -> TrainingRequest:
        usual = {
            "table": table,
            "spec": spec,
            "settings": SETTINGS,
            "epochs": 25,
            "batch_rows": 40,
            "learning_rate": 0.02,
        }
        return request_for(**{**usual, **changes})

    return asked


def quiet(line: str) -> None:
    pass


def test_the_spec_says_which_task_it_is(next_items, request_for) -> None:
    assert isinstance(task_of(next_items()), NextItem)
    assert isinstance(task_of(request_for()), Profile)
    assert TrainingRequest.from_json(next_items().to_json()) == next_items()


def test_next_items_are_learnt_and_judged_as_saved(next_items, tmp_path: Path) -> None:
    request = next_items()
    trained = train(request, alone(), report=quiet)
    losses = [entry["validation"]["next_item"] for entry in trained.history]
    assert losses[0] < np.log(CIRCLE) + 0.3
    assert max(entry["validation"]["ndcg@10"] for entry in trained.history) > 0.99
    (tmp_path / NETWORK).write_bytes(trained.files[NETWORK])
    told: list[tuple[str, int]] = []
    model = keras.saving.load_model(tmp_path / NETWORK)
    files = task_of(request).judged(model, request, lambda split, done: told.append((split, done)))
    scoring, states = (np.load(io.BytesIO(files[name])) for name in (ITEMS, PREDICTIONS.format("test")))
    assert {split for split, _ in told} == {"validation", "test"}
    best = (states["state"] @ scoring["vectors"].T + scoring["bias"]).argmax(axis=1)
    asked = histories(30, "test", seed=3, targets=1)["sequence_item"].to_pylist()
    assert [request.spec.vocabulary[item] for item in best] == [history[-1] for history in asked]


@pytest.mark.parametrize(("loss", "epochs"), [("softmax", 40), ("gbce", 90)])
def test_items_told_from_sampled_ones_are_judged_among_all(next_items, loss: str, epochs: int) -> None:
    settings = {**SETTINGS, "sampled_items": 20, "sampled_loss": loss}
    history = train(next_items(settings=settings, epochs=epochs, patience=epochs), alone(), report=quiet).history
    assert history[0]["validation"]["next_item"] == pytest.approx(np.log(CIRCLE), abs=0.3)
    assert max(entry["validation"]["ndcg@10"] for entry in history) > 0.99
    again = train(next_items(settings=settings, epochs=2, patience=40), alone(), report=quiet).history
    assert [entry["train"] for entry in again] == [entry["train"] for entry in history[:2]]


def test_shards_change_nothing_but_the_order(next_items) -> None:
    """In one batch of all rows there is no order: each shard's events count as they do together."""
    one, four = (
        train(next_items(shards=shards, batch_rows=120, epochs=4), alone(), report=quiet).history for shards in (1, 4)
    )
    for left, right in zip(one, four, strict=True):
        assert left["train"]["next_item"] == pytest.approx(right["train"]["next_item"], rel=1e-3)
        assert left["validation"]["next_item"] == pytest.approx(right["validation"]["next_item"], rel=1e-3)


@pytest.mark.slow
def test_two_ranks_of_unequal_events_learn_what_one_learns(next_items, workplace: Path) -> None:
    asked = next_items(shards=2, batch_rows=40, epochs=2)
    alone_, together = (
        launch(asked, processes=ranks, spark=None, workplace=workplace, report=quiet).history for ranks in (1, 2)
    )
    for left, right in zip(alone_, together, strict=True):
        assert left["train"]["next_item"] == pytest.approx(right["train"]["next_item"], rel=1e-4)
        assert left["validation"]["next_item"] == pytest.approx(right["validation"]["next_item"], rel=1e-4)
        assert left["validation"]["ndcg@10"] == pytest.approx(right["validation"]["ndcg@10"], rel=1e-3)


def test_parts_that_are_asked_for_are_learnt_from(next_items) -> None:
    trained = train(next_items(learnt="test", validated="", epochs=2), alone(), report=quiet)
    assert [entry["validation"] for entry in trained.history] == [None, None]
    with pytest.raises(DataGateError, match="nothing to learn from"):
        train(replace(next_items(), learnt="holdout"), alone(), report=quiet)


def objective_of(request: TrainingRequest, log_variances: list[float] | None = None) -> float:
    task = task_of(request)
    model = task.model()
    if log_variances:
        model.get_layer("task_weights").log_variances.assign(log_variances)
    sums = {name: keras.ops.convert_to_tensor(float(place)) for place, name in enumerate(request.spec.heads, start=1)}
    return float(task.objective(model, {"weight": keras.ops.convert_to_tensor(10.0), **sums}))


def test_heads_weigh_what_the_settings_say_or_what_is_learnt(request_for) -> None:
    request = request_for()
    heads = list(request.spec.heads)
    given = request.settings["task_weight"]
    assert objective_of(request) == pytest.approx(sum(given[name] * place for place, name in enumerate(heads, start=1)))
    learnt = request_for(settings={**request.settings, "task_weights": "uncertainty"})
    assert objective_of(learnt) == pytest.approx(sum(range(1, len(heads) + 1)))
    s = [0.5 * place - 1 for place in range(len(heads))]
    expected = sum(np.exp(-one) * place + 10 * one for place, one in enumerate(s, start=1))
    assert objective_of(learnt, s) == pytest.approx(expected, rel=1e-5)


def test_weights_of_tasks_are_learnt_and_saved(request_for, tmp_path: Path) -> None:
    request = request_for(settings={**request_for().settings, "task_weights": "uncertainty"})
    trained = train(request, alone(), report=quiet)
    (tmp_path / NETWORK).write_bytes(trained.files[NETWORK])
    learnt = keras.saving.load_model(tmp_path / NETWORK).get_layer("task_weights").log_variances.numpy()
    assert np.abs(learnt).min() > 0


def test_predictions_of_every_head_are_kept(request_for) -> None:
    request = request_for()
    task = task_of(request)
    model = task.model()
    files = task.judged(model, request, lambda split, done: None)
    kept = dict(np.load(io.BytesIO(files[PREDICTIONS.format("validation")])))
    assert {len(values) for values in kept.values()} == {60}
    assert {"purchase_logit", "label_purchase", "category_logits", "next_action_logits", "window_items_ndcg@10"} <= set(
        kept
    )
    tables = dict(np.load(io.BytesIO(files[EVENT_TABLES])))
    for name, weights in zip(("item", "category"), model.get_layer("event").get_weights(), strict=False):
        np.testing.assert_array_equal(tables[name], weights)
