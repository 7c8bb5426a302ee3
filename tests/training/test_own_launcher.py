"""Ranks that another program starts: the one of docs/launchers.md, word for word."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from userprofile.errors import ConflictError, EnvironmentMismatchError
from userprofile.training.launch import launch


@pytest.fixture
def launcher(checkout: Path, tmp_path: Path) -> list[str]:
    told = (checkout / "docs" / "launchers.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python launch_ranks.py\n(.*?)^```$", told, re.MULTILINE | re.DOTALL)
    file = tmp_path / "launch_ranks.py"
    file.write_text(program)
    return [sys.executable, str(file), "{ranks}"]


@pytest.mark.slow
def test_ranks_of_another_launcher_give_the_same_weights(request_for, workplace, weights_of, launcher):
    lines: list[str] = []
    usual = launch(request_for(), processes=2, spark=None, workplace=workplace, report=print)
    found = launch(request_for(), processes=2, spark=None, workplace=workplace, report=lines.append, launcher=launcher)
    for left, right in zip(weights_of(found), weights_of(usual), strict=True):
        np.testing.assert_array_equal(left, right)
    assert set(found.files) == set(usual.files)
    assert ", 2 ranks: " in lines[0]
    assert len([line for line in lines if line.startswith("epoch 2/2 ")]) == 1
    assert list(workplace.iterdir()) == []


@pytest.mark.slow
def test_an_error_of_a_rank_comes_through_another_launcher(request_for, workplace, own_table, launcher):
    def delete_a_file(line: str) -> None:
        if line.startswith("epoch 1/"):
            next(Path(own_table, "split=train").glob("*.parquet")).unlink()

    endless = request_for(table=own_table, epochs=100_000, patience=100_000)
    with pytest.raises(ConflictError, match="a data file of the pinned version is gone"):
        launch(endless, processes=2, spark=None, workplace=workplace, report=delete_a_file, launcher=launcher)


def test_a_launcher_that_starts_other_ranks_than_asked_for_is_refused(request_for, workplace):
    """`env` starts one, and tells it nothing."""
    with pytest.raises(EnvironmentMismatchError, match="has not started the ranks") as raised:
        launch(request_for(), processes=2, spark=None, workplace=workplace, report=print, launcher=["env"])
    assert raised.value.expected.startswith("HOROVOD_SIZE=2")
