"""Parts of histories: nothing of what is to be predicted, or after it, is learnt from."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.labels.next_event import LeaveOneOut, Temporal, next_event_examples
from userprofile.windows import AsOf

AS_OF = AsOf.at(date(2020, 1, 31), "UTC")
SPLITS = ("train", "refit", "validation", "test")

ages = st.lists(st.integers(1, 300).map(lambda tenths: tenths / 10), max_size=8).map(lambda some: sorted(some)[::-1])


def sequences(users: list[list[float]]) -> pl.DataFrame:
    """Rows of gold.user_sequences of events so many days before AS_OF; the n-th event is of item n."""
    lists = {"item": pl.Int32, "action": pl.Int8, "gap_days": pl.Float32, "age_days": pl.Float32}
    values = {
        "item": [list(range(1, len(user) + 1)) for user in users],
        "action": [[1] * len(user) for user in users],
        "gap_days": [[0.0] * len(user) for user in users],
        "age_days": users,
    }
    columns = {f"sequence_{name}": pl.Series(values[name], dtype=pl.List(dtype)) for name, dtype in lists.items()}
    return pl.DataFrame({"user_id": [f"user-{i}" for i in range(len(users))], **columns})


def parts_of(user: list[float], protocol: LeaveOneOut | Temporal) -> dict[str, tuple[list[int], int]]:
    """Items and number of targets by split, of a log of one user beside an empty one."""
    rows = next_event_examples(sequences([user, []]), protocol)
    assert set(rows["user_id"]) <= {"user-0"}
    return {
        split: (items, targets)
        for split, items, targets in rows.select("split", "sequence_item", "label_targets").rows()
    }


@given(ages)
def test_leave_one_out_keeps_the_last_two_events_for_later(user: list[float]) -> None:
    items, parts = list(range(1, len(user) + 1)), parts_of(user, LeaveOneOut())
    expected = {"train": items[:-2], "refit": items[:-1], "validation": items[:-1], "test": items}
    if len(user) < 3:
        expected = {"train": items, "refit": items}
    targets = {"train": len(expected["train"]) - 1, "refit": len(expected["refit"]) - 1, "validation": 1, "test": 1}
    assert parts == {split: (part, targets[split]) for split, part in expected.items() if len(part) > 1}


@given(ages, st.integers(1, 15), st.integers(0, 15))
def test_temporal_predicts_the_first_event_after_each_cut(user: list[float], test: int, before: int) -> None:
    cuts = [test + before, test]  # days before AS_OF
    days = [AsOf.at(AS_OF.date - timedelta(days=cut), "UTC") for cut in cuts]
    items = list(range(1, len(user) + 1))
    train, refit = (items[: sum(age > cut for age in user)] for cut in cuts)
    expected = {"train": (train, len(train) - 1), "refit": (refit, len(refit) - 1)}
    if len(train) < len(refit):
        expected["validation"] = (items[: len(train) + 1], 1)
    if len(refit) < len(items):
        expected["test"] = (items[: len(refit) + 1], 1)
    parts = parts_of(user, Temporal(AS_OF, *days))
    assert parts == {split: part for split, part in expected.items() if len(part[0]) > 1}


@pytest.mark.parametrize(
    ("last", "before", "same"), [(2.0, 2.0, True), (1.5, 1.9, True), (1.0, 1.1, False), (2.0, 2.4, False)]
)
def test_a_day_is_one_of_the_calendar(last: float, before: float, same: bool) -> None:
    rows = next_event_examples(sequences([[9.0, before, last]]), LeaveOneOut())
    assert rows.filter(split="test")["label_is_same_day"].to_list() == [same]
