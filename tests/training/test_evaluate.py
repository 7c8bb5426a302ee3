"""Predictions cover the rows of a split once, in order; measures are those of the metric functions."""

from __future__ import annotations

import numpy as np
import pytest

from userprofile.feed.examples import FEATURE_KEYS, LABEL_KEYS, ExampleForm
from userprofile.model.profile_model import build_model
from userprofile.training.evaluate import metrics, packed, predict, probability, unpacked


def predicted(model, request, split: str):
    return predict(model, request, split, ExampleForm(request.spec), inputs=FEATURE_KEYS, labels=LABEL_KEYS)


@pytest.fixture
def predictions(request_for):
    request = request_for(batch_rows=18)
    return predicted(build_model(request.spec, settings=request.settings), request, "test")


def test_every_row_of_the_split_is_predicted_once(predictions):
    outputs = {"embedding", "purchase_logit", "spend_log1p", "category_logits"}
    assert set(predictions) == outputs | set(LABEL_KEYS)
    assert {len(values) for values in predictions.values()} == {60}


def test_the_size_of_a_batch_changes_nothing(request_for):
    request = request_for()
    model = build_model(request.spec, settings=request.settings)
    one, other = (predicted(model, request_for(batch_rows=rows), "test") for rows in (8, 64))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_measures_have_every_head(predictions):
    measures = metrics(predictions)
    assert measures["rows"] == 60
    assert set(measures) == {"rows", "purchase", "spend", "next_categories"}
    # An untrained purchase head says one half of everyone.
    assert measures["purchase"]["log_loss"] == pytest.approx(np.log(2), abs=1e-6)


def test_a_split_without_rows_has_no_measures(request_for):
    request = request_for()
    model = build_model(request.spec, settings=request.settings)
    nothing = predicted(model, request, "holdout")
    assert nothing == {}
    assert metrics(nothing) == {"rows": 0}
    assert unpacked(packed(nothing)) == {}


def test_what_calibration_needs_comes_back_as_it_was(predictions):
    back = unpacked(packed(predictions))
    assert set(back) == {"purchase_logit", "spend_log1p", "label_purchase", "label_spend"}
    for name, values in back.items():
        np.testing.assert_array_equal(values, predictions[name])


def test_a_probability_is_one_half_at_zero_and_does_not_overflow():
    np.testing.assert_allclose(probability(np.array([-1e4, 0.0, np.log(3), 1e4])), [0, 0.5, 0.75, 1])
