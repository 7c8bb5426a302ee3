"""Predictions cover the rows of a split once, in order, and come back from their file as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from userprofile.feed.examples import feature_keys
from userprofile.training.evaluate import packed, predict, unpacked
from userprofile.training.tasks import Profile, task_of


def everything(outputs: dict[str, np.ndarray], batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**outputs, "label_spend": batch["label_spend"]}


def predicted(model: Any, request: Any, split: str) -> dict[str, np.ndarray]:
    return predict(model, request, split, task_of(request).form(), inputs=feature_keys(request.spec), kept=everything)


@pytest.fixture
def predictions(request_for):
    request = request_for(batch_rows=18)
    return predicted(task_of(request).model(), request, "test")


def test_every_row_of_the_split_is_predicted_once(predictions, request_for):
    heads = Profile(request_for().spec, {}).heads
    names = {name for head in heads for name in head.output_names()}
    assert set(predictions) == {"embedding", "label_spend", *names}
    assert {len(values) for values in predictions.values()} == {60}


def test_the_size_of_a_batch_changes_nothing(request_for):
    request = request_for()
    model = task_of(request).model()
    one, other = (predicted(model, request_for(batch_rows=rows), "test") for rows in (8, 64))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_split_without_rows_has_no_predictions(request_for):
    request = request_for()
    nothing = predicted(task_of(request).model(), request, "holdout")
    assert nothing == {}
    assert unpacked(packed(nothing)) == {}


def test_what_is_packed_comes_back_as_it_was(predictions):
    back = unpacked(packed(predictions))
    assert set(back) == set(predictions)
    for name, values in back.items():
        np.testing.assert_array_equal(values, predictions[name])
