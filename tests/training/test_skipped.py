"""A training that meets values no network can learn from says where they are, and leaves what it had learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from userprofile.errors import UserprofileError
from userprofile.training.checkpoint import Checkpoints
from userprofile.training.collective import alone
from userprofile.training.launch import launch
from userprofile.training.loop import train


def silent(line: str) -> None:
    pass


AGE = pl.col("sequence_age_days")


def with_infinite_ages(table: str, folder: Path, *, split: str = "train", rows: int = 1) -> str:
    """The table, but for events of infinite age in so many rows of a split, which have events."""
    examples = pl.DataFrame(DeltaTable(table).to_pyarrow_table())
    ordered = examples.sort(pl.col("split") != split, AGE.list.len() == 0, "user_id")
    of_some = AGE.list.eval(pl.element() + np.inf).cast(pl.List(pl.Float32))
    changed = ordered.with_columns(pl.when(pl.int_range(pl.len()) < rows).then(of_some).otherwise(AGE))
    write_deltalake(folder, changed.to_arrow(compat_level=pl.CompatLevel.oldest()), partition_by=["split"])
    return str(folder)


def place_of_infinity(table: str) -> str:
    for path in DeltaTable(table).file_uris():
        endless = pl.read_parquet(path).select(AGE.list.eval(pl.element().is_infinite()).list.any()).to_series()
        if endless.any():
            return f"row {endless.arg_max()} of row group 0 of {Path(path).name}"
    raise AssertionError("nothing is infinite")


def test_a_feature_that_is_infinite_ends_the_training_with_its_name_and_place(request_for, table, tmp_path) -> None:
    endless, lines = with_infinite_ages(table, tmp_path / "endless"), []
    with pytest.raises(UserprofileError, match="gradients of 1 of 4 steps are no finite numbers in epoch 1") as raised:
        train(request_for(table=endless), alone(), report=lines.append)
    place = place_of_infinity(endless)
    assert (
        f": sequence_age_days is infinite or no number in {place}; its rows are of row groups 0 of "
        in raised.value.received
    )
    assert raised.value.received.startswith("step ")
    assert (
        raised.value.fix == "mend sequence_age_days where it is made, or train without it; the last checkpoint stands"
    )
    assert [line for line in lines if line.startswith("skipped")] == [f"skipped {raised.value.received}"]


def test_it_ends_soon_and_not_with_the_epoch(request_for, table, tmp_path) -> None:
    endless, beats = with_infinite_ages(table, tmp_path / "endless", rows=150), []
    request = request_for(table=endless, batch_rows=4, skipped_steps=2)
    with pytest.raises(UserprofileError, match=r"of 10 steps are no finite numbers in epoch 1") as raised:
        train(request, alone(), report=silent, beat=lambda *where: beats.append(where))
    assert len(beats) == 10
    assert raised.value.received.count(" | ") == 2  # the last three are named
    assert raised.value.expected == "at most 2, which are skipped"


def test_the_last_checkpoint_stays_and_more_patience_goes_on_from_it(request_for, table, tmp_path) -> None:
    endless, lines = with_infinite_ages(table, tmp_path / "endless"), []
    kept = Checkpoints.made(str(tmp_path / "checkpoints"))
    request = request_for(table=endless, checkpoints=kept.root, checkpoint_steps=1)
    with pytest.raises(UserprofileError, match="no finite numbers"):
        train(request, alone(), report=silent)
    found = kept.latest(request.identity())
    assert found is not None
    assert found.steps == 4
    assert all(np.isfinite(array).all() for array in found.arrays.values())
    patient = request_for(table=endless, checkpoints=kept.root, checkpoint_steps=1, skipped_steps=1)
    trained = train(patient, alone(), report=lines.append)
    assert "going on after step 4 of epoch 1, from a checkpoint" in lines
    assert [entry["skipped"] for entry in trained.history] == [1, 1]


def test_where_no_input_is_infinite_the_furthest_is_told(request_for) -> None:
    with pytest.raises(UserprofileError, match="no finite numbers in epoch 1") as raised:
        train(request_for(learning_rate=1e38), alone(), report=silent)
    assert "no input is infinite; the furthest is " in raised.value.received
    assert raised.value.fix == "lower train_model.learning_rate"


def test_a_validation_row_that_is_infinite_is_named(request_for, table, tmp_path) -> None:
    endless = with_infinite_ages(table, tmp_path / "endless", split="validation")
    kept = Checkpoints.made(str(tmp_path / "checkpoints"))
    request = request_for(table=endless, checkpoints=kept.root, checkpoint_steps=2)
    with pytest.raises(UserprofileError, match="validation loss is no longer a finite number in epoch 1") as raised:
        train(request, alone(), report=silent)
    assert f"sequence_age_days is infinite or no number in {place_of_infinity(endless)}" in raised.value.received
    found = kept.latest(request.identity())
    assert found is not None
    assert found.steps == 4


@pytest.mark.slow
def test_two_ranks_end_with_what_either_found(request_for, table, tmp_path, workplace) -> None:
    endless = with_infinite_ages(table, tmp_path / "endless")
    kept = Checkpoints.made(str(tmp_path / "checkpoints"))
    request = request_for(table=endless, checkpoints=kept.root, checkpoint_steps=2)
    with pytest.raises(UserprofileError, match="gradients of 1 of 4 steps are no finite numbers in epoch 1") as raised:
        launch(request, processes=2, spark=None, workplace=workplace, report=silent, restarts=1)
    assert f"sequence_age_days is infinite or no number in {place_of_infinity(endless)}" in raised.value.received
    found = kept.latest(request.identity())
    assert found is not None
    assert all(np.isfinite(array).all() for array in found.arrays.values())
