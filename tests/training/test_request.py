"""A request says the same after its journey to a rank."""

from __future__ import annotations

import pytest

from userprofile.errors import UsageError
from userprofile.training.request import TrainingRequest


def test_a_request_survives_its_journey(request_for):
    sent = request_for(seed=3)
    assert TrainingRequest.from_json(sent.to_json()) == sent


@pytest.mark.parametrize("text", ["", "[]", '{"table": "t"}', "null"])
def test_another_text_is_refused(text):
    with pytest.raises(UsageError, match="not a training request"):
        TrainingRequest.from_json(text)


def test_a_batch_that_the_shards_cannot_share_is_refused_before_anything_starts(request_for):
    with pytest.raises(UsageError, match="batch_rows 60, shards 7"):
        request_for(shards=7)
