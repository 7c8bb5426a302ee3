"""Which rows of the training set stand in which split."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import polars as pl
import pytest

from userprofile.pipelines.build_training_set import Examples

SPLIT_OF = {date(2024, 1, 1): "train", date(2024, 2, 1): "validation", date(2024, 3, 1): "test"}


@pytest.fixture
def rows():
    users = [f"{number * 2**32 // 100:08x}" + "0" * 24 for number in range(100)]
    return pl.DataFrame({"user_id": users}).join(pl.DataFrame({"as_of_date": list(SPLIT_OF)}), how="cross")


def in_splits(rows, share):
    return Examples(SimpleNamespace(), SPLIT_OF, share).in_splits(rows)


def test_each_date_has_its_split(rows):
    found = in_splits(rows, 0.0)
    assert found.height == 300
    assert dict(found.select("as_of_date", "split").unique().rows()) == SPLIT_OF


def test_users_of_the_test_split_are_nowhere_else(rows):
    users = {split: set(of_split["user_id"]) for (split,), of_split in in_splits(rows, 0.2).group_by("split")}
    assert len(users["test"]) == 20
    assert users["train"] == users["validation"] == set(rows["user_id"]) - users["test"]


def test_a_date_without_a_split_is_no_row_to_guess_about(rows):
    with pytest.raises(pl.exceptions.InvalidOperationError):
        in_splits(rows.with_columns(as_of_date=date(2024, 4, 1)), 0.0)
