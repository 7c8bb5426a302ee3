"""Real processes: the same weights on one rank and two, and a clear, quick end when a rank fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from deltalake import DeltaTable, write_deltalake

from userprofile.errors import ConflictError, ExitCode, InterruptedRunError, UsageError, UserprofileError
from userprofile.training.evaluate import unpacked
from userprofile.training.launch import launch
from userprofile.training.trained import PREDICTIONS

ALONE = """
import sys
import userprofile.training.launch, userprofile.training.evaluate
assert not {"tensorflow", "keras", "horovod", "pyspark"} & set(sys.modules), "loaded by the launcher"
from dataclasses import replace
from pathlib import Path
from userprofile.training.worker import attempt
files = attempt(Path(sys.argv[1]).read_text())
assert "network.keras" in files, files
assert "horovod" not in sys.modules
"""


def children() -> list[psutil.Process]:
    """The ranks and launchers under this process; its own helpers, as multiprocessing's tracker, are none."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if any("userprofile" in word or "horovod" in word for word in command_of(child))]


def command_of(process: psutil.Process) -> list[str]:
    """Nothing of a process that has ended, though the one that started it may not have asked for its end yet."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def rank(number: int) -> psutil.Process:
    ranks = [child for child in children() if child.cmdline()[1:3] == ["-m", "userprofile.training.worker"]]
    return next(child for child in ranks if child.environ().get("HOROVOD_RANK") == str(number))


@pytest.mark.slow
def test_two_ranks_give_the_weights_of_one(request_for, workplace, weights_of):
    lines: list[str] = []
    request = request_for(epochs=3)
    one, two = (launch(request, processes=n, spark=None, workplace=workplace, report=lines.append) for n in (1, 2))
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    for left, right in zip(one.history, two.history, strict=True):
        assert left["train"] == pytest.approx(right["train"], rel=1e-5)
        assert left["validation"] == pytest.approx(right["validation"], rel=1e-5)
    assert len(unpacked(two.files[PREDICTIONS.format("test")])["label_purchase"]) == 60
    assert set(one.files) == set(two.files)
    assert len([line for line in lines if line.startswith("epoch 3/3 ")]) == 2
    assert list(workplace.iterdir()) == []


@pytest.mark.slow
def test_gradients_of_two_ranks_may_travel_in_half_precision(request_for, workplace):
    halves = request_for(half_precision=True)
    whole = launch(request_for(), processes=2, spark=None, workplace=workplace, report=print)
    found = launch(halves, processes=2, spark=None, workplace=workplace, report=print)
    for left, right in zip(whole.history, found.history, strict=True):
        assert left["train"] == pytest.approx(right["train"], rel=1e-2)
        assert left["train"] != right["train"]


@pytest.mark.slow
def test_a_world_of_one_needs_no_horovod_and_a_launcher_no_tensorflow(request_for, python_environment, tmp_path):
    order = tmp_path / "request.json"
    order.write_text(request_for(epochs=1).to_json())
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, str(order)], env=python_environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_an_error_of_a_rank_is_raised_as_it_is_and_soon(request_for, workplace):
    started = time.monotonic()
    with pytest.raises(UsageError, match="version 9 of the Delta table"):
        launch(request_for(version=9), processes=2, spark=None, workplace=workplace, report=print)
    assert time.monotonic() - started < 60
    assert children() == []


@pytest.mark.slow
def test_a_killed_rank_is_named_and_the_other_does_not_wait_for_it(request_for, workplace):
    killed: list[float] = []

    def kill_at_epoch_two(line: str) -> None:
        if line.startswith("epoch 2/") and not killed:
            rank(1).kill()
            killed.append(time.monotonic())

    endless = request_for(epochs=100_000, patience=100_000)
    with pytest.raises(UserprofileError, match="rank 1 of the training ended without a word"):
        launch(endless, processes=2, spark=None, workplace=workplace, report=kill_at_epoch_two)
    assert time.monotonic() - killed[0] < 15
    assert children() == []


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_an_interruption_leaves_no_process_and_no_file(request_for, workplace, processes):
    def interrupt(line: str) -> None:
        assert children()
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="interrupted"):
        launch(request_for(), processes=processes, spark=None, workplace=workplace, report=interrupt)
    assert children() == []
    assert list(workplace.iterdir()) == []


def test_shards_that_ranks_cannot_share_are_refused_before_anything_starts(request_for, workplace):
    with pytest.raises(UsageError, match="2 shards for 3 ranks"):
        launch(request_for(), processes=3, spark=None, workplace=workplace, report=print)
    assert children() == []


@pytest.fixture
def checkpoints(tmp_path: Path) -> str:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return str(folder)


@pytest.mark.slow
def test_an_interruption_leaves_a_checkpoint_and_the_next_start_goes_on(
    request_for, workplace, checkpoints, weights_of, dropping
):
    processes = 2
    request = request_for(epochs=30, patience=30, checkpoints=checkpoints, checkpoint_steps=10_000, settings=dropping)

    def interrupt(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="was stopped after step"):
        launch(request, processes=processes, spark=None, workplace=workplace, report=interrupt)
    assert children() == []
    lines: list[str] = []
    resumed = launch(request, processes=processes, spark=None, workplace=workplace, report=lines.append)
    calm = launch(replace(request, checkpoints=""), processes=processes, spark=None, workplace=workplace, report=print)
    assert any(line.startswith("going on after step ") for line in lines)
    for left, right in zip(weights_of(resumed), weights_of(calm), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_ranks_with_a_part_of_the_items_each_learn_what_one_learns_with_all_also_when_one_is_killed(
    request_for, workplace, checkpoints, weights_of
):
    lines: list[str] = []

    def kill_at_epoch_three(line: str) -> None:
        if line.startswith("epoch 3/") and not any(seen.startswith("epoch 3/") for seen in lines):
            rank(1).kill()
        lines.append(line)

    whole = request_for(epochs=6, patience=6)
    parts = replace(whole, shard_item_table=True, checkpoints=checkpoints)
    one = launch(whole, processes=1, spark=None, workplace=workplace, report=print)
    two = launch(parts, processes=2, spark=None, workplace=workplace, report=kill_at_epoch_three, restarts=1)
    assert lines.count("the 22 embeddings of items are dealt to 2 ranks") == 2
    assert any("from a checkpoint" in line for line in lines)
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    for left, right in zip(one.history, two.history, strict=True):
        assert left["train"] == pytest.approx(right["train"], rel=1e-5)
        assert left["validation"] == pytest.approx(right["validation"], rel=1e-5)
    # After the last epoch a checkpoint stands, which one rank without parts takes as its own.
    again = launch(replace(parts, shard_item_table=False), processes=1, spark=None, workplace=workplace, report=print)
    for left, right in zip(weights_of(two), weights_of(again), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two ranks need a core each")
def test_ranks_are_bound_to_cores_of_their_own_and_asked_as_often_as_configured(request_for, workplace):
    found: dict[int, tuple[list[int], str]] = {}

    def look(line: str) -> None:
        if line.startswith("epoch 1/"):
            found.update({n: (rank(n).cpu_affinity(), rank(n).environ()["HOROVOD_CYCLE_TIME"]) for n in (0, 1)})

    bound = request_for(epochs=30, patience=30, bind_to_cores=True, cycle_milliseconds=2.5)
    launch(bound, processes=2, spark=None, workplace=workplace, report=look)
    first, second, *_ = sorted(os.sched_getaffinity(0))
    assert found == {0: ([first], "2.5"), 1: ([second], "2.5")}


def rewrite(table: str) -> None:
    """Another commit, of fewer rows; the files of the version before stay."""
    rows = DeltaTable(table).to_pyarrow_table()
    write_deltalake(table, rows.slice(0, 50), mode="overwrite", partition_by=["split"])


def vacuum(table: str) -> None:
    """Files that are of the latest version no more go at once."""
    rewrite(table)
    DeltaTable(table).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)


def delete(table: str) -> None:
    """As by hand."""
    next(Path(table, "split=train").glob("*.parquet")).unlink()


def once_ranks_learn(change: Callable[[str], None], table: str) -> Callable[[str], None]:
    """A report that changes the table after the first epoch, with many to come."""

    def report(line: str) -> None:
        if line.startswith("epoch 1/"):
            assert rank(0).is_running()
            change(table)

    return report


@pytest.mark.slow
def test_a_table_that_is_rewritten_meanwhile_changes_nothing(request_for, workplace, weights_of, own_table):
    request = request_for(epochs=60, patience=60, table=own_table)
    calm = launch(request, processes=2, spark=None, workplace=workplace, report=print)
    disturbed = launch(
        request, processes=2, spark=None, workplace=workplace, report=once_ranks_learn(rewrite, own_table)
    )
    assert DeltaTable(own_table).version() == request.version + 1
    for left, right in zip(weights_of(disturbed), weights_of(calm), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
@pytest.mark.parametrize("change", [vacuum, delete])
def test_a_file_that_goes_meanwhile_ends_all_ranks_and_is_named(request_for, workplace, own_table, change):
    endless = request_for(epochs=100_000, patience=100_000, table=own_table)
    with pytest.raises(ConflictError, match=r"a data file of the pinned version is gone: .*split=") as raised:
        launch(endless, processes=2, spark=None, workplace=workplace, report=once_ranks_learn(change, own_table))
    assert raised.value.exit_code == ExitCode.CONFLICT
    assert "make build_training_set" in raised.value.fix
    assert children() == []
