"""Timed steps on one rank, in this process: what they are of, and that a table without rows ends them."""

from __future__ import annotations

import json

import pytest
from deltalake import DeltaTable, write_deltalake

from userprofile.errors import DataGateError
from userprofile.training.collective import alone
from userprofile.training.timing import WARM_STEPS, timed
from userprofile.training.trained import TIMINGS

PARTS = ("reading", "compute", "waiting", "allreduce")


def test_steps_are_timed_whole_and_taken_apart_over_as_many_epochs_as_it_takes(request_for):
    beats: list[tuple[str, int]] = []
    request = request_for(timed_steps=7, batch_rows=60)  # an epoch has four
    found = timed(request, alone(), beat=lambda phase, epoch, number: beats.append((phase, number)))
    (timing,) = json.loads(found[TIMINGS])
    assert (timing["rank"], timing["steps"]) == (0, 7)
    # Steps 11 to 17: of epochs of 60, 60, 60 and 23 rows the third and fourth, a whole one, and the first.
    assert timing["rows"] == 60 + 23 + 203 + 60
    assert timing["whole"] > 0
    assert all(timing[part] > 0 for part in PARTS)
    assert [number for phase, number in beats if phase == "timing steps taken apart"] == list(range(7))
    assert len(beats) == WARM_STEPS + 7 + 7


def test_without_training_rows_there_is_nothing_to_time(request_for, table, tmp_path):
    rows = DeltaTable(table).to_pyarrow_table(filters=[("split", "=", "test")])
    write_deltalake(str(tmp_path / "examples"), rows, partition_by=["split"])
    request = request_for(table=str(tmp_path / "examples"), timed_steps=1)
    with pytest.raises(DataGateError, match="nothing to learn from"):
        timed(request, alone(), beat=lambda *where: None)
