"""The tables that bench-report makes hold every user as often as it says, each under another pseudonym."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

USERS = [f"{user:032x}" for user in range(7)]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import report

    return report


@pytest.mark.parametrize("name", ["gold/user_profiles", "silver/events"])
def test_each_user_stands_there_many_times_and_the_log_says_so(report, tmp_path, monkeypatch, name):
    monkeypatch.setattr(report, "COPIES", 5)
    monkeypatch.setitem(report.TABLES, name, 10)
    table = tmp_path / name
    rows = pl.DataFrame({"user_id": USERS, "as_of_date": ["2024-03-01"] * 7, "spend": range(7)})
    write_deltalake(table, rows.to_arrow(compat_level=pl.CompatLevel.oldest()), partition_by=["as_of_date"])
    assert report.multiply(tmp_path, name) == 35
    held = pl.read_delta(str(table))
    assert held["user_id"].n_unique() == 35
    assert held.group_by("spend").len()["len"].to_list() == [5] * 7
    (added,) = pl.DataFrame(DeltaTable(table).get_add_actions(flatten=True)).to_dicts()
    (file,) = table.rglob("*.parquet")
    assert (added["num_records"], added["size_bytes"]) == (35, file.stat().st_size)


@pytest.mark.parametrize("groups", [1, 2, 3, 7])
def test_every_copy_is_in_one_row_group(report, monkeypatch, groups):
    monkeypatch.setattr(report, "COPIES", 10)
    for by_user in (True, False):
        dealt = [number for numbers in report.copies_of_groups(groups, by_user=by_user) for number in numbers]
        assert sorted(dealt) == list(range(10))
