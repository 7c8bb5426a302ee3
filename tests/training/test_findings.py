"""What a batch holds that no network learns from is named, and where its rows lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from userprofile.numbers import DenseFeature
from userprofile.training.collective import alone
from userprofile.training.findings import Place, finding
from userprofile.training.rows import Rows
from userprofile.training.tasks import task_of

PLACES = [
    Place("gold/part-0.parquet", 3, 40),
    Place("gold/part-0.parquet", 1, 7),
    Place("gold/part-1.parquet", 0, 2),
    None,
]


def batch_of(**changes: np.ndarray) -> dict[str, np.ndarray]:
    """Of three rows and one that pads; nulls where they are legal."""
    usual = {
        "dense": np.array([[0.5, np.nan], [-0.5, 3], [1, 2], [0, 0]], np.float32),
        "sequence_action": np.ones((4, 2), np.int32),
        "sequence_age_days": np.full((4, 2), 7, np.float32),
        "label_churn": np.array([0, np.nan, 1, 0], np.float32),
        "weight": np.array([1, 1, 1, 0], np.float32),
    }
    return usual | changes


@pytest.fixture
def plain(spec):
    """Two features of mean 0 and deviation 1, the second by its logarithm."""
    return replace(spec, dense=(DenseFeature("activity", 0, 1, False), DenseFeature("recency", 0, 1, True)))


def test_nulls_are_legal_and_the_furthest_value_is_told(plain) -> None:
    found = finding(batch_of(), plain, PLACES)
    assert found.features == ()
    far = f"{np.log1p(3):.3g} standard deviations from its mean, in row 7 of row group 1 of part-0.parquet"
    assert found.told == f"no input is infinite; the furthest is recency with 3, {far}"
    assert found.row_groups == "1, 3 of part-0.parquet; 0 of part-1.parquet"


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_labels_are_named_with_their_rows(plain, value: float) -> None:
    label = batch_of()["label_churn"].copy()
    label[0] = label[2] = value
    found = finding(batch_of(label_churn=label), plain, PLACES)
    assert found.features == ("label_churn",)
    where = "2 rows, the first row 40 of row group 3 of part-0.parquet"
    assert found.told == f"label_churn is infinite or no number in {where}"


def test_an_infinite_dense_feature_is_told_of_and_no_culprit(plain) -> None:
    dense = batch_of()["dense"].copy()
    dense[1, 1] = np.inf
    found = finding(batch_of(dense=dense), plain, PLACES)
    assert found.features == ()
    assert "the furthest is recency with 2, " in found.told
    assert found.told.endswith("; recency is infinite, read as null, in row 7 of row group 1 of part-0.parquet")


def test_a_sequence_has_no_nulls(plain) -> None:
    ages = batch_of()["sequence_age_days"].copy()
    ages[1, 1] = np.nan
    found = finding(batch_of(sequence_age_days=ages), plain, PLACES)
    assert found.features == ("sequence_age_days",)


@pytest.mark.parametrize("rows", [60, 16])
def test_rows_of_a_step_lie_where_they_were_read_from(request_for, rows: int) -> None:
    request = request_for(batch_rows=rows)
    fed = Rows(request, task_of(request).form(), alone())
    plan, padding = fed.plan(fed.listed("train"), epoch=2), 0
    for step, batch in enumerate(fed.fed(plan), start=1):
        places = fed.places(plan, step)
        assert len(places) == len(batch["weight"])
        for place, activity, weight in zip(places, batch["dense"][:, 0], batch["weight"], strict=True):
            padding += place is None
            assert (place is not None) == bool(weight)
            if place is not None:
                read = pq.ParquetFile(place.file).read_row_group(place.row_group)
                assert np.float32(read["activity"][place.row].as_py()) == activity
    assert padding == plan.steps * rows - 203


def test_a_habit_is_more_of_a_sequences_column_and_told_by_its_name(plain) -> None:
    ages, habits = batch_of()["sequence_age_days"].copy(), np.full((4, 5), 7, np.float32)
    ages[0, 0] = habits[2, 4] = np.inf
    found = finding(batch_of(sequence_age_days=ages, habit_age_days=habits), plain, PLACES)
    assert found.features == ("sequence_age_days",)
    where = "2 rows, the first row 40 of row group 3 of part-0.parquet"
    assert found.told == f"sequence_age_days is infinite or no number in {where}"
