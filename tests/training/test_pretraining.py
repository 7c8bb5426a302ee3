"""A body learns without labels by the same loop, on any number of shards, and another training begins with it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from userprofile.errors import UsageError
from userprofile.training.checkpoint import Checkpoint, Checkpoints
from userprofile.training.collective import alone
from userprofile.training.launch import launch
from userprofile.training.loop import initial_model, train
from userprofile.training.request import TrainingRequest, body_identity
from userprofile.training.rows import Rows
from userprofile.training.tasks import task_of
from userprofile.training.trained import BODY, NETWORK

WEIGHTS = {"item": 0.5, "category": 0.5, "action": 0.5, "gap": 0.5, "contrast": 0.1}


def quiet(line: str) -> None:
    pass


@pytest.fixture
def pretraining(request_for) -> Callable[..., TrainingRequest]:
    """Four shards of 15 rows, told apart within each."""

    def asked(**changes: Any) -> TrainingRequest:
        request = request_for(batch_rows=60, shards=4, **changes)
        settings = {**request.settings, "weights": WEIGHTS, "rows_together": 15}
        return replace(request, pretraining=True, settings=settings)

    return asked


@pytest.fixture
def pretrained(pretraining, tmp_path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The folder of a body that was kept, and its weights."""
    request = pretraining(epochs=3)
    trained = train(request, alone(), report=quiet)
    files = task_of(request).judged(network_of(trained.files[NETWORK], tmp_path), request, lambda split, done: None)
    body = dict(np.load(io.BytesIO(files[BODY])))
    folder = tmp_path / "pretrained"
    Checkpoints.made(str(folder)).save(Checkpoint(body_identity(request.spec), 3, body, {}))
    return str(folder), body


def network_of(content: bytes, folder: Path) -> keras.Model:
    (folder / NETWORK).write_bytes(content)
    return keras.saving.load_model(folder / NETWORK)


def test_next_events_and_users_are_learnt(pretraining) -> None:
    history = train(pretraining(epochs=12, patience=12), alone(), report=quiet).history
    first, last = history[0]["validation"], history[-1]["validation"]
    assert set(first) == set(WEIGHTS)
    assert last["contrast"] < first["contrast"] < np.log(15) + 0.2
    assert sum(history[-1]["train"].values()) < sum(history[0]["train"].values())


def test_a_bidirectional_body_learns_items_and_categories_that_it_may_not_see(pretraining) -> None:
    request = pretraining(epochs=12, patience=12)
    request = replace(request, settings={**request.settings, "encoder": "bidirectional", "layers": 1, "heads": 1})
    history = train(request, alone(), report=quiet).history
    first, last = history[0]["train"], history[-1]["train"]
    assert last["category"] < first["category"]
    assert last["action"] == last["gap"] == 0


def test_labels_are_not_read(pretraining) -> None:
    assert not any(name.startswith("label") for name in task_of(pretraining()).form().schema().names)


@pytest.mark.slow
def test_two_ranks_learn_what_one_learns(pretraining, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (
        launch(pretraining(epochs=2), processes=ranks, spark=None, workplace=workplace, report=quiet).history
        for ranks in (1, 2)
    )
    for left, right in zip(one, two, strict=True):
        for name in ("category", "action", "item", "gap"):
            assert left["train"][name] == pytest.approx(right["train"][name], rel=0.02), name  # views differ by rank


def test_another_training_begins_with_the_body(request_for, pretrained) -> None:
    folder, body = pretrained
    begun = initial_model(request_for(begun_by=folder), alone())
    for part in ("event", "history"):
        for place, weight in enumerate(begun.get_layer(part).get_weights()):
            np.testing.assert_array_equal(weight, body[f"{part}/{place:03d}"])
    scratch = initial_model(request_for(), alone())
    assert np.abs(scratch.get_layer("event").get_weights()[0] - body["event/000"]).max() > 0


def test_frozen_parts_stay_and_others_move(request_for, pretrained, tmp_path: Path) -> None:
    folder, body = pretrained
    trained = train(request_for(begun_by=folder, frozen=("event",)), alone(), report=quiet)
    model = network_of(trained.files[NETWORK], tmp_path)
    for part, stays in (("event", True), ("history", False)):
        same = [
            np.array_equal(weight, body[f"{part}/{place:03d}"])
            for place, weight in enumerate(model.get_layer(part).get_weights())
        ]
        assert all(same) if stays else not any(same)


def test_a_body_of_another_spec_is_refused(request_for, pretrained, spec) -> None:
    folder, _ = pretrained
    other = replace(spec, sequence_length=4)
    with pytest.raises(UsageError, match="nothing was pre-trained for these features"):
        train(request_for(begun_by=folder, spec=other), alone(), report=quiet)


@pytest.mark.parametrize(("share", "rows"), [(1.0, 203), (0.1, 25), (0.01, 9)])
def test_a_share_of_labels_is_the_first_rows_of_each_row_group(request_for, share: float, rows: int) -> None:
    """Of eight row groups of 25 rows, and one of 3."""
    request = request_for(learnt_share=share)
    listed = Rows(request, task_of(request).form(), alone())
    assert sum(group.rows for group in listed.listed("train")) == rows
    assert sum(group.rows for group in listed.listed("validation")) == 60


@pytest.mark.parametrize(("encoder", "ahead"), [("gru", 1), ("bidirectional", 0)])
def test_losses_are_those_of_a_loop_over_the_events_that_are_asked(pretraining, encoder: str, ahead: int) -> None:
    request = pretraining()
    request = replace(request, settings={**request.settings, "encoder": encoder, "layers": 1, "heads": 1})
    task = task_of(request)
    rows = Rows(request, task.form(), alone())
    batch = next(rows.fed(rows.plan(rows.listed("train"))))
    model = task.model()
    keys, said = model.input, {}

    class Watched:
        """The model, whose views are drawn anew each time that it is called."""

        input, get_layer = keys, model.get_layer

        def __call__(self, inputs: dict[str, Any], training: bool) -> dict[str, Any]:
            found = model(inputs, training=training)
            said.update({name: np.asarray(value) for name, value in found.items()})
            return found

    sums = {name: float(value) for name, value in task.sums(Watched(), batch, training=False).items()}
    expected = dict.fromkeys(("category", "action", "gap"), 0.0)
    for row, age in enumerate(np.asarray(batch["sequence_age_days"])):
        for place in range(request.spec.sequence_length - ahead):
            asked = place + ahead
            if not batch["sequence_action"][row, asked] or not (ahead or said["hidden"][row, asked]):
                continue
            minutes = max(age[asked - 1] - age[asked], 0) * 1440 if asked else 0
            targets = {name: int(batch[f"sequence_{name}"][row, asked]) for name in ("category", "action")}
            targets["gap"] = min(int(np.log2(1 + minutes)), 21)
            for name, target in targets.items():
                logits = said[name][row, place]
                expected[name] += float(np.log(np.exp(logits).sum()) - logits[target]) / request.spec.sequence_length
    if not ahead:
        expected |= {"action": 0.0, "gap": 0.0}
    for name, loss in expected.items():
        assert sums[name] == pytest.approx(loss, rel=1e-4), name
