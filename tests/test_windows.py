from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.errors import UsageError
from userprofile.windows import AsOf, LabelWindow, Window, in_time_order, split_dates

ONE, DAY = dt.timedelta(microseconds=1), dt.timedelta(days=1)
ZONES = ["UTC", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Auckland"]

dates = st.dates(dt.date(1995, 1, 1), dt.date(2030, 1, 1))
zones = st.sampled_from(ZONES)
spans = st.integers(1, 40).map(lambda days: days * DAY)


def holds(window, as_of, time):
    frame = pl.DataFrame({"time": [time]}, schema={"time": pl.Datetime("us", "UTC")})
    return frame.select(window.holds(as_of, pl.col("time"))).item()


@given(day=dates, zone=zones)
def test_an_as_of_date_begins_at_its_first_local_moment(day, zone):
    instant = AsOf.at(day, zone).instant
    assert instant.tzinfo is dt.UTC
    assert instant.astimezone(ZoneInfo(zone)).date() == day
    assert (instant - ONE).astimezone(ZoneInfo(zone)).date() == day - DAY


@given(day=dates, zone=zones, offset=st.integers(0, 22 * 3600 * 10**6))
def test_the_last_midnight_before_an_instant(day, zone, offset):
    as_of = AsOf.at(day, zone)
    assert AsOf.last_before(as_of.instant + offset * ONE, zone) == as_of
    assert AsOf.last_before(as_of.instant - ONE, zone).date == day - DAY


@given(day=dates, zone=zones, days=st.integers(1, 400), offset=st.integers(-3, 3))
def test_a_window_is_half_open_to_the_microsecond(day, zone, days, offset):
    as_of, window = AsOf.at(day, zone), Window(days)
    start = as_of.instant - days * DAY
    assert holds(window, as_of, start + offset * ONE) == (offset >= 0)
    assert holds(window, as_of, as_of.instant + offset * ONE) == (offset < 0)


@given(day=dates, age=st.integers(-(10**15), 10**15))
def test_all_history_is_everything_before(day, age):
    as_of = AsOf.at(day, "UTC")
    assert holds(Window(None), as_of, as_of.instant - age * ONE) == (age > 0)


@given(day=dates, gap=st.integers(0, 10).map(lambda days: days * DAY), horizon=spans, offset=st.integers(-3, 3))
def test_a_label_window_is_half_open_to_the_microsecond(day, gap, horizon, offset):
    as_of, window = AsOf.at(day, "Europe/London"), LabelWindow(gap, horizon)
    assert holds(window, as_of, as_of.instant + gap + offset * ONE) == (offset >= 0)
    assert holds(window, as_of, as_of.instant + gap + horizon + offset * ONE) == (offset < 0)
    assert window.is_mature(as_of, window.end(as_of) + offset * ONE) == (offset >= 0)


def test_names_say_the_length():
    assert [Window(7).name, Window(180).name, Window(None).name] == ["7d", "180d", "all"]


@pytest.mark.parametrize("days", [0, -1])
def test_a_window_that_does_not_look_back_is_refused(days):
    with pytest.raises(UsageError):
        Window(days)


@pytest.mark.parametrize(("gap", "horizon"), [(-DAY, DAY), (DAY, 0 * DAY)])
def test_a_label_window_that_does_not_lie_ahead_is_refused(gap, horizon):
    with pytest.raises(UsageError):
        LabelWindow(gap, horizon)


def chosen(scoring_day=dt.date(2024, 6, 1), *, zone="Europe/London", history=200 * DAY, **changes):
    scoring = AsOf.at(scoring_day, zone)
    settings = {"label_window": LabelWindow(2 * DAY, 28 * DAY), "count": 8, "timezone": zone} | changes
    return split_dates(scoring, log_start=scoring.instant - history, **settings)


@given(day=dates, zone=zones, gap=st.integers(0, 9), horizon=st.integers(1, 60), count=st.integers(1, 9), history=spans)
def test_chosen_dates_are_mature_apart_and_have_history(day, zone, gap, horizon, count, history):
    window, scoring = LabelWindow(gap * DAY, horizon * DAY), AsOf.at(day, zone)
    found = chosen(day, zone=zone, history=8 * history, label_window=window, count=count)
    assert len(found) <= count
    for one in found:
        assert one.as_of == AsOf.at(one.as_of.date, zone)
        assert window.is_mature(one.as_of, scoring.instant)
        assert one.as_of.instant >= scoring.instant - 8 * history + DAY
    for one, following in pairwise(found):
        assert window.end(one.as_of) <= following.as_of.instant
    if found:
        latest_possible = AsOf.last_before(scoring.instant - window.length, zone)
        assert found[-1].as_of == latest_possible


@pytest.mark.parametrize(
    ("count", "splits"),
    [
        (1, ["train"]),
        (2, ["train", "test"]),
        (3, ["train", "validation", "test"]),
        (5, ["train", "train", "train", "validation", "test"]),
    ],
)
def test_the_latest_tests_and_the_one_before_validates(count, splits):
    found = chosen(count=count)
    assert [one.split for one in found] == splits
    assert found == sorted(found, key=lambda one: one.as_of)


def test_without_a_mature_date_there_is_none():
    assert chosen(history=30 * DAY) == []
    assert len(chosen(history=31 * DAY)) == 1


def test_an_embargo_lies_between_splits_only():
    days = [one.as_of.date for one in chosen(embargo=28 * DAY, count=4, zone="UTC")]
    assert [later - earlier for earlier, later in pairwise(days)] == [30 * DAY, 58 * DAY, 58 * DAY]


def test_no_dates_at_all_cannot_be_asked_for():
    with pytest.raises(UsageError):
        chosen(count=0)


rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), max_size=12)


@given(rows)
def test_time_order_is_by_user_time_and_order(rows):
    frame = pl.DataFrame(rows, schema=["user_id", "event_time", "event_order"], orient="row", strict=False).cast(
        {"user_id": pl.String, "event_time": pl.Int64, "event_order": pl.Int64}
    )
    ordered = in_time_order(frame)
    assert ordered.rows() == sorted(rows)
    assert in_time_order(ordered) is ordered
