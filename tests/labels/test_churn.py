from __future__ import annotations

import datetime as dt

import pytest

from userprofile.columns import ACTION_CODE
from userprofile.labels.assemble import labels_per_user
from userprofile.windows import Window

PURCHASE = ACTION_CODE["purchase"]
ONE, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)
ACTIVE = Window(20)


@pytest.fixture
def rows_of(as_ofs, label_window, log_end):
    def run(events):
        return labels_per_user(
            events, as_ofs=as_ofs, label_window=label_window, category_level=1, active=ACTIVE, log_end=log_end
        ).to_dicts()

    return run


def test_churn_agrees_with_plain_python(rows_of, random_log, bought_of, as_ofs):
    seen = set()
    for seed in range(8):
        events = random_log(seed)
        for row in rows_of(events):
            as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
            earlier = [
                event["event_time"]
                for event in events.to_dicts()
                if event["user_id"] == row["user_id"] and event["action"] == PURCHASE
            ]
            was_active = any(as_of.instant - 20 * DAY <= time < as_of.instant for time in earlier)
            leaves = 0 if bought_of(events, row["user_id"], as_of) else 1
            assert row["label_churn"] == (leaves if was_active else None)
            seen.add(row["label_churn"])
    assert seen == {None, 0, 1}


@pytest.mark.parametrize(("before", "label"), [(20 * DAY, 1), (20 * DAY + ONE, None), (ONE, 1)])
def test_who_was_not_active_cannot_leave(rows_of, event, frame, as_ofs, before, label):
    rows = rows_of(frame([event(as_ofs[0].instant - before), event(as_ofs[0].instant - 40 * DAY, action=0)]))
    assert rows[0]["label_churn"] == label


def test_a_purchase_that_had_not_arrived_makes_nobody_active(rows_of, event, frame, as_ofs):
    late = event(as_ofs[0].instant - DAY, known_at=as_ofs[0].instant)
    assert rows_of(frame([event(as_ofs[0].instant - 40 * DAY, action=0), late]))[0]["label_churn"] is None


def test_time_to_purchase_and_its_censoring_agree_with_plain_python(rows_of, random_log, bought_of, as_ofs):
    for seed in range(8):
        events = random_log(seed)
        for row in rows_of(events):
            as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
            bought = bought_of(events, row["user_id"], as_of)
            days = (bought[0]["event_time"] - as_of.instant) / DAY if bought else None
            assert row["label_days_to_purchase"] == (days if days is None else pytest.approx(days, rel=1e-12))
            assert row["label_is_censored"] == (not bought)
