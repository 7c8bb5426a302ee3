from __future__ import annotations

import cmath
import datetime as dt
import math
from itertools import pairwise
from statistics import fmean, stdev
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.rhythm import rhythm
from userprofile.windows import ALL_HISTORY, Window

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
WINDOWS = [Window(30), Window(7), Window(90), ALL_HISTORY]


def oracle(history, as_of):
    times = [event["event_time"] for event in history if event["action"] != ACTION_CODE["exposure"]]
    local = [time.astimezone(ZoneInfo("Europe/London")).replace(tzinfo=None) for time in times]
    hours = [(time - time.replace(hour=0, minute=0, second=0, microsecond=0)) / HOUR for time in local]
    days = sorted({time.date() for time in local})
    gaps = [(later - day).days for day, later in pairwise(days)]
    return {
        "active_gap_days_mean": fmean(gaps) if gaps else None,
        "active_gap_days_sd": stdev(gaps) if len(gaps) > 1 else None,
        "active_gap_days_longest": max(gaps, default=None),
        "night_share": fmean(hour < 6 for hour in hours) if hours else None,
        **circular("hour_of_day", hours, 24),
        **circular("weekday", [time.weekday() for time in local], 7),
        **{f"events_trend_{a}d_{b}d": trend(times, as_of, a, b) for a, b in ((7, 30), (30, 90))},
    }


def circular(name, points, period):
    if not points:
        return {f"{name}_mean": None, f"{name}_strength": None}
    resultant = sum(cmath.exp(2j * math.pi * point / period) for point in points) / len(points)
    mean = cmath.phase(resultant) * period / (2 * math.pi) % period if abs(resultant) > 1e-9 else None
    return {
        f"{name}_mean": mean if mean is None else pytest.approx(mean, abs=1e-9),
        f"{name}_strength": pytest.approx(abs(resultant), abs=1e-12),
    }


def trend(times, as_of, short, long):
    rates = [sum(time >= as_of.instant - days * DAY for time in times) / days for days in (short, long)]
    return rates[0] / rates[1] if rates[1] else None


def test_the_rhythm_agrees_with_plain_python(agrees, timezone):
    agrees(rhythm(WINDOWS, timezone=timezone), oracle)


@pytest.fixture
def row_of(random_log, as_ofs, statistics, names):
    """The features of one user with events (local time, action), as of 10 April 2024."""

    def compute(*events, timezone="Europe/London"):
        zone = ZoneInfo(timezone)
        rows = [
            {
                "event_time": dt.datetime.fromisoformat(time).replace(tzinfo=zone).astimezone(dt.UTC),
                "event_order": place,
            }
            | {"action": ACTION_CODE[action]}
            for place, (time, action) in enumerate(events)
        ]
        blank = random_log(0).clear()
        log = pl.DataFrame(rows, schema_overrides=dict(blank.schema)).with_columns(
            pl.lit("user").alias("user_id"), known_at="event_time"
        )
        (row,) = features_per_user(
            pl.concat([blank, log], how="diagonal"),
            as_ofs=as_ofs[1:],
            catalogue=compose(rhythm(WINDOWS, timezone=timezone)),
            statistics=statistics,
            names=names,
        ).to_dicts()
        return row

    return compute


def test_hours_around_midnight_have_their_mean_there_and_not_at_noon(row_of):
    row = row_of(("2024-04-01T23:00", "view"), ("2024-04-02T01:00", "view"))
    assert row["hour_of_day_mean"] == 0.0
    assert row["hour_of_day_strength"] == pytest.approx(math.cos(math.pi / 12))


@pytest.mark.parametrize(("timezone", "day"), [("Europe/London", "2024-01-08"), ("Asia/Kolkata", "2024-04-01")])
def test_hours_and_weekdays_are_those_of_the_wall_clock(row_of, timezone, day):
    row = row_of((f"{day}T05:59:59.999999", "view"), (f"{day}T05:59", "cart"), timezone=timezone)
    assert row["night_share"] == 1.0
    assert row["hour_of_day_mean"] == pytest.approx(6, abs=0.01)
    assert row["weekday_mean"] == 0.0  # a Monday
    assert row_of((f"{day}T06:00", "view"), timezone=timezone)["night_share"] == 0.0


def test_rounding_does_not_tell_on_which_side_of_monday_a_mean_lies(row_of):
    """Two Mondays, a Thursday and a Friday, whose sines leave 1e-16 of each other."""
    for days in ((1, 4, 5, 8), (4, 5, 8, 8)):
        assert row_of(*((f"2024-04-{day:02}T12:00", "view") for day in days))["weekday_mean"] == 0.0


def test_the_night_in_which_clocks_change_is_one_day(row_of):
    """In London 31 March 2024 has 23 hours."""
    row = row_of(("2024-03-30T12:00", "view"), ("2024-03-31T00:30", "view"), ("2024-03-31T23:30", "view"))
    assert row["active_gap_days_mean"] == row["active_gap_days_longest"] == 1


def test_acts_in_balance_have_no_mean(row_of):
    week = row_of(*((f"2024-04-0{day}T12:00", "view") for day in range(1, 8)))
    assert week["weekday_mean"] is None
    assert week["weekday_strength"] == pytest.approx(0, abs=1e-12)
    day = row_of(("2024-04-01T03:00", "view"), ("2024-04-01T15:00", "view"))
    assert day["hour_of_day_mean"] is None


def test_what_is_shown_has_no_rhythm(row_of):
    row = row_of(("2024-04-01T03:00", "exposure"), ("2024-04-09T03:00", "exposure"))
    names = compose(rhythm(WINDOWS, timezone="UTC")).names
    assert [row[name] for name in names] == [None] * len(names)


def test_an_even_pace_has_a_trend_of_one(row_of):
    days = [dt.date(2024, 4, 9) - back * DAY for back in range(90)]
    row = row_of(*((f"{day}T12:00", "view") for day in reversed(days)))
    assert row["events_trend_7d_30d"] == pytest.approx(1)
    assert row["events_trend_30d_90d"] == pytest.approx(1)
    assert (row["active_gap_days_mean"], row["active_gap_days_sd"]) == (1.0, 0.0)


def test_trends_are_of_the_windows_there_are():
    names = [feature.name for feature in rhythm([Window(365), Window(14), ALL_HISTORY], timezone="UTC")]
    assert [name for name in names if "trend" in name] == ["events_trend_14d_365d"]
