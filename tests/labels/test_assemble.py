"""Which users get labels, at which edges, and that nothing outside the label window decides them."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userprofile.columns import ACTION_CODE
from userprofile.errors import UsageError
from userprofile.labels.assemble import labels_per_user
from userprofile.schemas.gold import Labels
from userprofile.windows import Window

PURCHASE = ACTION_CODE["purchase"]
ONE, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)


@pytest.fixture(scope="module")
def labels(as_ofs, label_window, log_end):
    def run(events, dates=as_ofs, end=log_end):
        return labels_per_user(
            events, as_ofs=dates, label_window=label_window, category_level=1, active=Window(20), log_end=end
        )

    return run


def test_rows_are_those_of_the_declared_table(labels, random_log):
    rows = labels(random_log(0))
    Labels.validate(rows, cast=False)
    assert rows.equals(rows.sort("as_of_date", "user_id"))


def test_everyone_known_before_the_date_is_labelled(labels, random_log, as_ofs):
    events = random_log(1, 15)
    expected = {(e["user_id"], d.date) for e in events.to_dicts() for d in as_ofs if e["event_time"] < d.instant}
    assert set(labels(events).select("user_id", "as_of_date").iter_rows()) == expected


@pytest.mark.parametrize(
    ("after_as_of", "label"),
    [(2 * DAY - ONE, 0), (2 * DAY, 1), (16 * DAY - ONE, 1), (16 * DAY, 0)],
    ids=["before the gap ends", "as the gap ends", "last microsecond", "as the horizon ends"],
)
def test_the_window_is_half_open(labels, event, frame, as_ofs, after_as_of, label):
    as_of = as_ofs[0]
    events = frame([event(as_of.instant - ONE, action=0), event(as_of.instant + after_as_of, amount=7, item=3)])
    (row,) = labels(events, [as_of]).to_dicts()
    assert row == {
        "user_id": "user",
        "as_of_date": as_of.date,
        "label_purchase": label,
        "label_spend": 7 * label,
        "label_next_categories": [],
        "label_next_item": 3 if label else None,
        "label_next_items": [3] if label else [],
        "label_next_action": PURCHASE if label else None,
        "label_churn": None,
        "label_days_to_purchase": after_as_of / DAY if label else None,
        "label_is_censored": not label,
        "label_window_items": [3] if label else [],
        "label_window_actions": [PURCHASE] if label else [],
        "label_risk": None,
    }


def test_who_is_new_at_the_instant_is_not_known(labels, event, frame, as_ofs):
    assert labels(frame([event(as_ofs[0].instant)]), as_ofs[:1]).is_empty()


def test_events_of_one_instant_stand_by_their_order(labels, event, frame, as_ofs):
    time = as_ofs[0].instant + 3 * DAY
    rows = [event(as_ofs[0].instant - DAY), event(time, event_order=9, item=9), event(time, event_order=2, item=2)]
    assert labels(frame(rows), as_ofs[:1])["label_next_item"].to_list() == [2]


@settings(max_examples=25)
@given(seed=st.integers(0, 500), added=st.integers(0, 500), shuffle=st.integers(0, 500))
def test_nothing_outside_the_window_and_no_order_of_rows_matters(
    labels, random_log, as_ofs, label_window, seed, added, shuffle
):
    as_of = as_ofs[0]
    events = random_log(seed)
    known = events.filter(pl.col("event_time") < as_of.instant)["user_id"].unique()
    noise = random_log(added).filter(
        ~label_window.holds(as_of, pl.col("event_time")), pl.col("user_id").is_in(known.to_list())
    )
    mixed = pl.concat([events, noise]).sample(fraction=1, shuffle=True, seed=shuffle)
    assert labels(mixed, [as_of]).drop("label_churn").equals(labels(events, [as_of]).drop("label_churn"))


def test_a_date_that_is_not_mature_is_refused(labels, random_log, as_ofs):
    mature = as_ofs[1].instant + 16 * DAY
    assert labels(random_log(0), end=mature).height
    with pytest.raises(UsageError, match="labels as of 2024-04-10 are not known yet"):
        labels(random_log(0), end=mature - ONE)


def test_no_events_are_no_rows(labels, random_log):
    assert labels(random_log(0).head(0)).equals(Labels.create_empty())
    assert labels(random_log(0), []).equals(Labels.create_empty())


def test_nobody_buys_anything(labels, random_log, event, frame, as_ofs):
    rows = labels(frame([event(as_ofs[0].instant - DAY, action=0)]), as_ofs)
    nothing = (0, 0, [], None, [], None, None, None, True, [], [], None)
    assert rows.select(pl.all().exclude("user_id", "as_of_date")).rows() == [nothing] * 2
