"""Three nights with a kill of each kind of process, and that what compares their tables would find a difference."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

ROWS = {"user_id": ["a", "b"], "run_id": ["first", "first"], "distance": [1.5, 2.5], "names": [[{"score": 0.5}], []]}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import tables

    return tables


def written(folder: Path, **columns: list[object]) -> Path:
    """A warehouse of one table."""
    pl.DataFrame(ROWS | columns).write_delta(str(folder / "gold" / "user_segments"))
    return folder


def test_ids_of_a_run_and_last_digits_are_no_difference(tables, tmp_path):
    calm = written(tmp_path / "calm")
    other = written(
        tmp_path / "other", run_id=["second", "third"], distance=[1.5 + 1e-9, 2.5], names=[[{"score": 0.5 - 1e-9}], []]
    )
    assert tables.differences(calm, other) == []


@pytest.mark.parametrize(
    "columns",
    [
        {"distance": [1.5, 2.6]},
        {"user_id": ["a", "c"]},
        {"names": [[{"score": 0.4}], []]},
        {name: [*values, values[0]] for name, values in ROWS.items()},
        {name: values[:1] for name, values in ROWS.items()},
    ],
    ids=["value", "user", "nested value", "row too many", "row lost"],
)
def test_any_other_difference_is_told(tables, tmp_path, columns):
    (told,) = tables.differences(written(tmp_path / "calm"), written(tmp_path / "other", **columns))
    assert told.startswith("gold.user_segments: 2 rows against ")


@pytest.mark.slow
def test_three_nights_with_a_kill_of_each_kind_end_in_the_tables_of_undisturbed_ones(checkout, tmp_path):
    command = [sys.executable, str(checkout / "tests" / "chaos" / "chaos.py")]
    said = tmp_path / "said.log"
    with open(said, "w") as words:
        ended = subprocess.run(
            command, env=os.environ | {"KILLS": "5"}, stdout=subprocess.PIPE, stderr=words, text=True, check=False
        )
    assert ended.returncode == 0, said.read_text()
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["of"] == dict.fromkeys(("driver", "executor", "worker", "python_worker", "rank"), 1)
    assert (told["kills"], told["rounds"], told["wrong"]) == (5, 1, [])
    assert told["attempts"].pop("done") == 3
    ended_by = [kind for attempt in told["attempts"] for kind in re.split(" by | and ", attempt)[1:]]
    assert "driver" in ended_by  # what the others lose is done again by Spark or by the next attempt
