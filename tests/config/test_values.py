from __future__ import annotations

from datetime import timedelta

import pytest

from userprofile.config.values import parse_duration, parse_timezone


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("28d", timedelta(days=28)),
        ("36h", timedelta(hours=36)),
        (" 30m ", timedelta(minutes=30)),
        ("10s", timedelta(seconds=10)),
        ("0d", timedelta()),
        (timedelta(days=3), timedelta(days=3)),
    ],
)
def test_durations(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["28", 28, "-1d", "1.5h", "1d 2h", "d", "", None, "9999999999999d"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="a duration such as 28d"):
        parse_duration(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/London", "Asia/Shanghai"])
def test_time_zones(name):
    assert parse_timezone(name) == name


@pytest.mark.parametrize("name", ["London", "", "+02:00", 2, "../etc/passwd"])
def test_what_is_no_time_zone(name):
    with pytest.raises(ValueError, match="an IANA time zone"):
        parse_timezone(name)
