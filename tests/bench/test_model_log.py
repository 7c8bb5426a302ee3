"""Histories of bench-model are as long as they say, and both ways of padding hold the same events."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def model_log() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import model_log

        yield model_log


def test_lengths_are_spread_as_those_of_beauty(model_log: ModuleType) -> None:
    lengths = np.diff(model_log.drawn().starts)
    assert len(lengths) == 22_363
    assert lengths.mean() == pytest.approx(8.88, abs=0.15)
    np.testing.assert_allclose(np.quantile(lengths, [0.1, 0.5, 0.9, 0.99]), [5, 6, 14, 40], atol=1)


def test_the_same_seed_draws_the_same_log(model_log: ModuleType) -> None:
    one, again, other = (model_log.drawn(users=50, items=9, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.item, again.item)
    assert not np.array_equal(one.starts, other.starts)
    assert set(one.item) <= set(range(1, 10))


def test_a_saved_log_is_the_same_log(model_log: ModuleType, tmp_path: Path) -> None:
    log = model_log.drawn(users=20, items=9)
    log.save(tmp_path / "log.npz")
    again = model_log.saved(tmp_path / "log.npz")
    for name in ("item", "gap_days", "starts"):
        np.testing.assert_array_equal(getattr(log, name), getattr(again, name))
    assert again.items == 9


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_log_is_read_user_by_user(model_log: ModuleType, tmp_path: Path, name: str) -> None:
    lines = ["user_id,item_id,timestamp,seq", "a,x,0,0", "a,y,86400,1", "b,y,43200,0", "b,z,43200,1"]
    file = tmp_path / name
    with gzip.open(file, "wt") if name.endswith(".gz") else file.open("w") as out:
        out.write("\n".join(lines) + "\n")
    log = model_log.read(file)
    assert (log.users, log.items) == (2, 3)
    np.testing.assert_array_equal(log.starts, [0, 2, 4])
    np.testing.assert_array_equal(log.item, [2, 1, 1, 3])  # y is the most frequent
    np.testing.assert_array_equal(log.gap_days, [0, 1, 0, 0])


def test_both_ways_of_padding_hold_the_same_events(model_log: ModuleType) -> None:
    log = model_log.drawn(users=300, items=40)
    users = next(model_log.batches_of_users(log))
    (read_first, after_first), (read_last, after_last) = (
        model_log.padded(log, users, at_end=at_end) for at_end in (False, True)
    )
    for row, user in enumerate(users):
        events = log.item[log.starts[user] : log.starts[user + 1]][-51:]
        for read, after in ((read_first, after_first), (read_last, after_last)):
            np.testing.assert_array_equal(read[row][read[row] > 0], events[:-1])
            np.testing.assert_array_equal(after[row][after[row] > 0], events[1:])
        assert read_last[row, 0] > 0
        assert read_first[row, -1] > 0


def test_everybody_who_asks_gets_the_same_users(model_log: ModuleType) -> None:
    log = model_log.drawn(users=600, items=9)
    one, other = (list(islice(model_log.batches_of_users(log), 3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert len({*one[0], *one[1]}) == 512  # nobody twice in a pass
