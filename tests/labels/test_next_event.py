"""Parts of histories: nothing of what is to be predicted, or after it, is learnt from."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.labels.next_event import leave_one_out


def sequences(users: list[list[int]]) -> pl.DataFrame:
    """Rows of gold.user_sequences of events on such days of 2020; the n-th event is of item n."""
    lists = {"item": pl.Int32, "action": pl.Int8, "gap_days": pl.Float32, "day": pl.Date}
    values = {
        "item": [list(range(1, len(user) + 1)) for user in users],
        "action": [[1] * len(user) for user in users],
        "gap_days": [[0.0] * len(user) for user in users],
        "day": [[date(2020, 1, 1) + timedelta(days=day) for day in user] for user in users],
    }
    columns = {f"sequence_{name}": pl.Series(values[name], dtype=pl.List(dtype)) for name, dtype in lists.items()}
    return pl.DataFrame({"user_id": [f"user-{i}" for i in range(len(users))], **columns})


@given(st.integers(0, 8))
def test_leave_one_out_keeps_the_last_two_events_for_later(events: int) -> None:
    rows = leave_one_out(sequences([list(range(events)), []]))
    found = rows.select("user_id", "split", "sequence_item", "label_targets").rows()
    items = list(range(1, events + 1))
    expected = {"train": items[:-2], "refit": items[:-1], "validation": items[:-1], "test": items}
    if events < 3:
        expected = {"train": items, "refit": items}
    targets = {"train": len(expected["train"]) - 1, "refit": len(expected["refit"]) - 1, "validation": 1, "test": 1}
    assert found == [("user-0", split, part, targets[split]) for split, part in expected.items() if len(part) > 1]


@pytest.mark.parametrize(("days", "same"), [([1, 4, 4], True), ([4, 4, 5], False), ([1, 2, 4], False)])
def test_a_test_event_may_fall_on_the_day_of_the_one_before(days: list[int], same: bool) -> None:
    rows = leave_one_out(sequences([days]))
    assert rows.filter(split="test")["label_is_same_day"].to_list() == [same]
    assert rows.filter(split="validation")["label_is_same_day"].to_list() == [days[0] == days[1]]
