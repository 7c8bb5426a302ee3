"""A checkpoint is whole or it is none, and the last whole one of a training is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.training.checkpoint import Checkpoint, Checkpoints


def checkpoint(steps: int, identity: str = "one training") -> Checkpoint:
    arrays = {"weights_0": np.arange(6, dtype=np.float32).reshape(2, 3) + steps, "iterations": np.array(steps)}
    return Checkpoint(identity, steps, arrays, {"epoch": 2, "history": [{"epoch": 1, "validation": None}]})


def same(one: Checkpoint | None, other: Checkpoint) -> bool:
    assert one is not None
    assert (one.identity, one.steps, one.notes) == (other.identity, other.steps, other.notes)
    assert one.arrays.keys() == other.arrays.keys()
    return all(np.array_equal(one.arrays[name], values) for name, values in other.arrays.items())


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(str(tmp_path))


def test_what_was_saved_comes_back(checkpoints):
    checkpoints.save(checkpoint(7))
    found = checkpoints.latest("one training")
    assert same(found, checkpoint(7))
    assert found.arrays["weights_0"].dtype == np.float32


def test_without_any_of_this_training_there_is_none(checkpoints):
    assert checkpoints.latest("one training") is None
    checkpoints.save(checkpoint(7, "another"))
    assert checkpoints.latest("one training") is None


def test_the_last_two_stay_and_the_later_is_found(checkpoints, tmp_path):
    for steps in (1, 9, 10):
        checkpoints.save(checkpoint(steps))
    assert len(list(tmp_path.iterdir())) == 2
    assert checkpoints.latest("one training").steps == 10


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_torn_one_is_none(cut):
    content = checkpoint(7).to_bytes()
    assert Checkpoint.from_bytes(content[: int(cut * len(content))]) is None


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_changed_one_is_none(place, bit):
    content = bytearray(checkpoint(7).to_bytes())
    content[place % len(content)] ^= 1 << bit
    assert Checkpoint.from_bytes(bytes(content)) is None


def test_a_torn_last_one_is_passed_over_as_is_one_that_was_being_written(checkpoints, tmp_path):
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))
    last = max(tmp_path.iterdir())
    last.write_bytes(last.read_bytes()[:-1])
    (tmp_path / "checkpoint-000000000003.unfinished").write_bytes(checkpoint(3).to_bytes())
    assert checkpoints.latest("one training").steps == 1


def test_a_large_one_is_written_whole(checkpoints):
    large = Checkpoint("one training", 1, {"weights_0": np.arange(3_000_000, dtype=np.float32)}, {})
    checkpoints.save(large)
    assert same(checkpoints.latest("one training"), large)


FULL = """
import resource, signal, sys
from types import SimpleNamespace
import numpy as np
from userprofile.training.checkpoint import Checkpoint
from userprofile.training.keeper import Keeper
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
request = SimpleNamespace(identity=lambda: "me", checkpoints=sys.argv[1])
keeper = Keeper(request, SimpleNamespace(rank=0))
state = SimpleNamespace(checkpoint=lambda identity: Checkpoint(identity, 2, {"weight_000000": np.zeros(10**6)}, {}))
keeper.keep(state)
try:
    keeper.wait()
except Exception as error:
    print(type(error).__name__, int(error.exit_code), error)
else:
    print("written")
"""


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_checkpoint_before_stands(tmp_path: Path, python_environment) -> None:
    """A file may not become as large as the checkpoint: what the file system says is what it says of a full disk."""
    before = Checkpoint("me", 1, {"weight_000000": np.ones(3)}, {})
    Checkpoints(str(tmp_path)).save(before)

    def written(limit: int) -> str:
        arguments = [sys.executable, "-c", FULL, str(tmp_path), str(limit)]
        return subprocess.run(arguments, env=python_environment, capture_output=True, text=True, check=True).stdout

    told = written(2**20)
    assert told.startswith("EnvironmentMismatchError 4 a checkpoint of the training cannot be written")
    assert str(tmp_path) in told
    assert Checkpoints(str(tmp_path)).latest("me").steps == 1
    assert written(2**30) == "written\n"
    assert Checkpoints(str(tmp_path)).latest("me").steps == 2
