from __future__ import annotations

import pyarrow as pa
import pytest

from userprofile.baselines.spend import LastWindowSpend, MeanSpend

TRAIN = pa.table({"spend_30d": [100, 300, 0, None], "label_spend": [50, 100, 0, 250]})


def test_the_mean_is_everyones() -> None:
    assert MeanSpend.fit(TRAIN).predict(TRAIN).tolist() == [100.0] * 4


def test_the_last_window_goes_on_at_the_ratio_of_the_training_rows() -> None:
    predicted = LastWindowSpend.fit(TRAIN, "spend_30d").predict(TRAIN)
    assert predicted.tolist() == pytest.approx([150 * 100 / 400, 150 * 300 / 400, 0, 100])


def test_a_window_without_any_spend_predicts_none() -> None:
    train = pa.table({"spend_30d": [0, 0], "label_spend": [5, 0]})
    assert LastWindowSpend.fit(train, "spend_30d").predict(train).tolist() == [0, 0]
