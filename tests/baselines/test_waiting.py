from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.purchase import PRIOR_ROWS
from userprofile.baselines.waiting import WaitingByRecency, WaitingCurve

ENDS = (2.0, 4.0, 8.0)
TRAIN = pa.table(
    {
        "label_days_to_purchase": pa.array([1.0, 2.0, 3.9, None, 7.0, None]),
        "days_since_purchase": pa.array([1.0, 1.0, 400.0, None, 400.0, 2.0]),
    }
)


def test_a_curve_is_the_share_that_bought_before_each_end() -> None:
    np.testing.assert_allclose(WaitingCurve.fit(TRAIN, ends=ENDS).predict(TRAIN), [[1 / 6, 3 / 6, 4 / 6]] * 6)


def test_a_curve_by_recency_is_of_rows_whose_last_purchase_was_as_long_ago() -> None:
    predicted = WaitingByRecency.fit(TRAIN, ends=ENDS).predict(TRAIN)
    mean = np.array([1, 3, 4]) / 6
    lately = (np.array([1, 2, 2]) + PRIOR_ROWS * mean) / (3 + PRIOR_ROWS)
    long_ago = (np.array([0, 1, 2]) + PRIOR_ROWS * mean) / (2 + PRIOR_ROWS)
    never = PRIOR_ROWS * mean / (1 + PRIOR_ROWS)
    np.testing.assert_allclose(predicted, [lately, lately, long_ago, never, long_ago, lately])
    assert (np.diff(predicted, axis=1) >= 0).all()


def test_a_bucket_without_rows_waits_as_all_do() -> None:
    asked = pa.table({"days_since_purchase": [20.0]})
    assert WaitingByRecency.fit(TRAIN, ends=ENDS).predict(asked)[0] == pytest.approx(np.array([1, 3, 4]) / 6)
