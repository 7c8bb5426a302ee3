"""The loop on one rank, in this process: it learns, it repeats itself, it keeps the best epoch, padding is nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from deltalake import DeltaTable, write_deltalake

from userprofile.errors import DataGateError, UserprofileError
from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import batches
from userprofile.tables.row_groups import row_groups
from userprofile.training import loop, state
from userprofile.training.collective import alone
from userprofile.training.loop import train
from userprofile.training.step import LARGEST_GRADIENT_NORM, Sums, WholeStep, training_step, validation_step
from userprofile.training.tasks import task_of
from userprofile.training.trained import HISTORY, NETWORK, PLAN, SPEC


def silent(line: str) -> None:
    pass


def weights_of(files: dict[str, bytes]) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NETWORK
        path.write_bytes(files[NETWORK])
        return keras.saving.load_model(path).get_weights()


def test_it_learns_and_tells_of_it(request_for):
    lines: list[str] = []
    beats: list[int] = []
    trained = train(request_for(epochs=4), alone(), report=lines.append, beat=lambda *where: beats.append(1))
    assert set(trained.files) == {NETWORK, SPEC, HISTORY, PLAN}
    assert [entry["epoch"] for entry in trained.history] == [1, 2, 3, 4]
    assert sum(trained.history[-1]["train"].values()) < sum(trained.history[0]["train"].values())
    assert lines[0] == "training on 203 examples of table version 0, 1 rank: at most 4 epochs of 4 steps of 60 examples"
    assert lines[1].startswith("epoch 1/4 in ")
    assert len(beats) == 4 * (4 + 1)


def test_the_same_request_gives_the_same_weights(request_for):
    one, two = (train(request_for(), alone(), report=silent).files for _ in range(2))
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_best_epoch_is_kept_and_patience_ends(request_for, spec, monkeypatch):
    told = iter([3.0, 1.0, 2.0, 2.0, 2.0])
    seen: list[list[np.ndarray]] = []

    def judged(self, step, plan, epoch):
        return {"purchase": next(told)}

    real = state.Best.see

    def watched(self, epoch, validation):
        seen.append(self.model.get_weights())
        real(self, epoch, validation)

    monkeypatch.setattr(loop._Run, "validated", judged)
    monkeypatch.setattr(state.Best, "see", watched)
    one_head = replace(spec, heads={"purchase": ()})
    trained = train(request_for(epochs=9, patience=2, spec=one_head), alone(), report=silent)
    assert len(trained.history) == 4
    for kept, best in zip(weights_of(trained.files), seen[1], strict=True):
        np.testing.assert_array_equal(kept, best)


def test_a_loss_that_is_no_number_stops(request_for):
    with pytest.raises(UserprofileError, match="no finite numbers in epoch 1") as raised:
        train(request_for(learning_rate=1e38), alone(), report=silent)
    assert raised.value.expected == "at most 0, which are skipped"
    with pytest.raises(UserprofileError, match="validation loss is no longer a finite number in epoch 1"):
        train(request_for(learning_rate=1e38, skipped_steps=3), alone(), report=silent)


def with_infinite_ages(table: str, folder: Path, *, rows: int) -> str:
    """The table, but for events of infinite age in so many of its training rows."""
    examples = pl.DataFrame(DeltaTable(table).to_pyarrow_table()).sort(pl.col("split") != "train", "user_id")
    of_some = pl.col("sequence_age_days").list.eval(pl.element() + np.inf).cast(pl.List(pl.Float32))
    aged = examples.with_columns(pl.when(pl.int_range(pl.len()) < rows).then(of_some).otherwise("sequence_age_days"))
    write_deltalake(folder, aged.to_arrow(compat_level=pl.CompatLevel.oldest()), partition_by=["split"])
    return str(folder)


class Drifting:
    """A world of one that hears of another rank, whose weights have moved once both have begun."""

    def __init__(self) -> None:
        self.world = alone()

    def __getattr__(self, name):
        return getattr(self.world, name)

    def gather_object(self, value):
        moved = {name: one + 1 for name, one in value.items() if isinstance(one, int)}
        return [value, {**value, **moved}]


@pytest.mark.parametrize(("every", "after"), [(2, "step 2 of epoch 1"), (500, "step 4 of epoch 1")])
def test_weights_are_compared_at_checkpoints_and_after_epochs(request_for, every, after):
    with pytest.raises(UserprofileError, match=f"weights of rank 1 are no longer those of rank 0, after {after}"):
        train(request_for(checkpoint_steps=every), Drifting(), report=silent)


def test_an_epoch_of_which_no_step_can_be_learnt_from_stops(request_for, table, tmp_path):
    endless = with_infinite_ages(table, tmp_path / "endless", rows=203)
    with pytest.raises(UserprofileError, match="gradients of 4 of 4 steps are no finite numbers in epoch 1") as raised:
        train(request_for(table=endless, skipped_steps=9), alone(), report=silent)
    assert raised.value.expected == "at most 3, which are skipped"


def test_a_step_that_is_skipped_is_told_of(request_for, table, tmp_path):
    lines: list[str] = []
    one = with_infinite_ages(table, tmp_path / "one", rows=1)
    trained = train(request_for(table=one, skipped_steps=1), alone(), report=lines.append)
    assert [entry["skipped"] for entry in trained.history] == [1, 1]
    assert all(line.endswith("no finite numbers: 1") for line in lines if line.startswith("epoch "))


def test_nothing_to_learn_from_is_refused_and_no_validation_rows_are_not(request_for, table, tmp_path):
    files = {file for file, _, _ in row_groups(table, 0, partition={"split": "train"})}
    rows = pa.concat_tables(pq.ParquetFile(file).read() for file in files)
    for split in ("train", "test"):
        labelled = rows.append_column("split", [[split] * rows.num_rows])
        write_deltalake(str(tmp_path / split), labelled, partition_by=["split"])
    with pytest.raises(DataGateError, match="nothing to learn from"):
        train(request_for(table=str(tmp_path / "test")), alone(), report=silent)
    trained = train(request_for(table=str(tmp_path / "train"), patience=1), alone(), report=silent)
    assert [entry["validation"] for entry in trained.history] == [None, None]


def one_batch(request, *, batch_rows: int) -> dict[str, np.ndarray]:
    groups = [RowGroup(*group) for group in row_groups(request.table, 0, partition={"split": "train"})]
    plan = plan_pass(groups, shards=1, batch_rows=batch_rows, shuffle=None, buffer_rows=batch_rows)
    return next(batches(plan, (0,), task_of(request).form()))


def test_a_step_is_the_clipped_mean_gradient_and_padding_changes_nothing(request_for):
    request = request_for()
    padded, exact = one_batch(request, batch_rows=300), one_batch(request, batch_rows=203)
    assert padded["weight"].sum() == exact["weight"].sum() == 203
    results = []
    for batch in (padded, exact):
        keras.utils.set_random_seed(1)
        model = task_of(request).model()
        before = model.get_weights()
        sums = training_step(WholeStep(task_of(request), model, keras.optimizers.SGD(1.0), alone()))(batch)
        results.append((sums, [b - a for b, a in zip(before, model.get_weights(), strict=True)]))
    for of_padded, of_exact in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(of_padded, of_exact, atol=1e-6)
    keras.utils.set_random_seed(1)
    model = task_of(request).model()
    with tf.GradientTape() as tape:
        task = task_of(request)
        losses = task.sums(model, exact, training=False)
        mean = task.objective(model, losses) / 203
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(mean, [v.value for v in model.trainable_variables])]
    norm = np.sqrt(sum(float(tf.reduce_sum(g**2)) for g in gradients))
    for moved, gradient in zip(results[1][1], gradients, strict=True):
        np.testing.assert_allclose(moved, gradient * min(1, LARGEST_GRADIENT_NORM / norm), atol=1e-6)
    for head, total in losses.items():
        np.testing.assert_allclose(results[0][0][head], total, rtol=1e-5)


def test_validation_changes_no_weight_and_sums_add_up(request_for):
    request = request_for()
    model = task_of(request).model()
    before, sums = model.get_weights(), Sums()
    step, batch = validation_step(task_of(request), model), one_batch(request, batch_rows=203)
    whole = step(batch)
    for part in np.array_split(np.arange(203), 3):
        sums.add(step({key: values[part] for key, values in batch.items()}))
    for head, total in sums.read().items():
        assert total == pytest.approx(float(whole[head]), rel=1e-5)
    for left, right in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
