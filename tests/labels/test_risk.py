"""Who comes to be a case of risk: only where the log tells of any, and only in the label window."""

from __future__ import annotations

import polars as pl
import pytest

from userprofile.labels.assemble import labels_per_user
from userprofile.windows import Window


@pytest.fixture
def labels(as_ofs, label_window, log_end):
    def run(events, **told):
        window = {"label_window": label_window, "active": Window(20), "log_end": log_end}
        return labels_per_user(events, as_ofs=as_ofs, category_level=1, **window, **told)

    return run


@pytest.mark.parametrize("seed", range(8))
def test_a_label_is_whether_an_event_of_risk_lies_in_the_window(labels, random_log, as_ofs, label_window, seed):
    events = random_log(seed)
    events = events.with_columns(risk=pl.Series([None, False, True, False] * (events.height // 4)))
    rows = labels(events, tells_risk=True)
    for row in rows.to_dicts():
        as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
        start = as_of.instant + label_window.gap
        inside = [
            event["risk"]
            for event in events.to_dicts()
            if event["user_id"] == row["user_id"] and start <= event["event_time"] < start + label_window.horizon
        ]
        assert row["label_risk"] == int(True in inside)
    assert set(rows["label_risk"]) == {0, 1}


def test_a_log_that_does_not_tell_labels_nobody_and_changes_no_other_label(labels, random_log):
    events = random_log(1)
    untold, told = labels(events.drop("risk")), labels(events, tells_risk=True)
    assert untold["label_risk"].null_count() == untold.height
    assert set(told["label_risk"]) == {0}
    assert untold.drop("label_risk").equals(told.drop("label_risk"))
