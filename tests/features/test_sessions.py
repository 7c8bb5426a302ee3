from __future__ import annotations

import datetime as dt
from itertools import pairwise
from statistics import fmean

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.sessions import sessions
from userprofile.windows import ALL_HISTORY, Window

DAY, HOUR, MINUTE, ONE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1), dt.timedelta.resolution
WINDOWS = {"7d": 7, "90d": 90, "all": 10_000}
EXPOSURE = ACTION_CODE["exposure"]


def oracle(session_gap):
    def values(history, as_of):
        acts = [event for event in history if event["action"] != EXPOSURE]
        times = [event["event_time"] for event in acts]
        visits = visits_of(times, session_gap)
        minutes = [(visit[-1] - visit[0]) / MINUTE for visit in visits]
        dwells = [
            event["dwell_seconds"]
            for event in acts
            if event["dwell_seconds"] is not None
            and event["event_time"] + dt.timedelta(seconds=event["dwell_seconds"]) < as_of.instant
        ]
        found = {
            "session_minutes_mean": fmean(minutes) if minutes else None,
            "session_minutes_longest": max(minutes, default=None),
            "dwell_seconds_mean": fmean(dwells) if dwells else None,
        }
        for name, days in WINDOWS.items():
            inside = [visit for visit in visits if visit[0] >= as_of.instant - days * DAY]
            found[f"sessions_{name}"] = len(inside)
            found[f"events_per_session_{name}"] = fmean(len(visit) for visit in inside) if inside else None
        return found

    return values


def visits_of(times, session_gap):
    begins = [0, *(place for place, (one, next_one) in enumerate(pairwise(times), 1) if next_one - one > session_gap)]
    return [times[start:end] for start, end in pairwise([*begins, len(times)])] if times else []


@pytest.mark.parametrize("session_gap", [30 * MINUTE, HOUR, HOUR - ONE, 30 * HOUR])
def test_sessions_agree_with_plain_python(agrees, session_gap):
    agrees(sessions([Window(7), Window(90), ALL_HISTORY], session_gap=session_gap), oracle(session_gap))


@pytest.fixture
def row_of(random_log, as_ofs, statistics, names):
    """The features of one user with events (minutes before as_of, action, dwell)."""

    def compute(*events):
        as_of = as_ofs[0]
        rows = [
            {"event_time": as_of.instant - before * MINUTE, "event_order": place, "action": ACTION_CODE[action]}
            | {"dwell_seconds": dwell}
            for place, (before, action, dwell) in enumerate(events)
        ]
        blank = random_log(0).clear()
        log = pl.DataFrame(rows, schema_overrides=dict(blank.schema)).with_columns(
            pl.lit("user").alias("user_id"), known_at="event_time"
        )
        (row,) = features_per_user(
            pl.concat([blank, log], how="diagonal"),
            as_ofs=[as_of],
            catalogue=compose(sessions([Window(7), ALL_HISTORY], session_gap=30 * MINUTE)),
            statistics=statistics,
            names=names,
        ).to_dicts()
        return row

    return compute


def test_what_is_shown_neither_begins_nor_prolongs_a_session(row_of):
    row = row_of((100, "view", None), (80, "exposure", None), (60, "view", None), (5, "exposure", None))
    assert row["sessions_all"] == 2
    assert row["events_per_session_all"] == 1.0
    assert row["session_minutes_longest"] == 0.0


def test_who_was_only_shown_things_had_no_session(row_of):
    row = row_of((100, "exposure", 3.0))
    assert row["sessions_all"] == row["sessions_7d"] == 0
    nulls = ("events_per_session_all", "session_minutes_mean", "session_minutes_longest", "dwell_seconds_mean")
    assert [row[name] for name in nulls] == [None] * len(nulls)


def test_a_session_belongs_to_the_window_in_which_it_begins(row_of):
    week = 7 * 24 * 60
    row = row_of((week + 1, "view", None), (week - 10, "cart", None), (50, "view", None))
    assert (row["sessions_7d"], row["events_per_session_7d"]) == (1, 1.0)
    assert (row["sessions_all"], row["events_per_session_all"]) == (2, 1.5)


def test_a_session_under_way_counts_as_far_as_it_is_known(row_of):
    row = row_of((20, "view", None), (10, "view", None), (0, "cart", None))
    assert (row["sessions_all"], row["events_per_session_all"], row["session_minutes_mean"]) == (1, 2.0, 10.0)


@pytest.mark.parametrize(("dwell", "mean"), [(59.999999, 59.999999), (60.0, None), (300.0, None)])
def test_a_dwell_that_reaches_past_the_instant_is_not_known(row_of, dwell, mean):
    assert row_of((1, "view", dwell))["dwell_seconds_mean"] == mean


@pytest.mark.parametrize("wrong", [dt.timedelta(0), -MINUTE])
def test_a_gap_that_divides_nothing_is_refused(wrong):
    with pytest.raises(UsageError):
        list(sessions([ALL_HISTORY], session_gap=wrong))
