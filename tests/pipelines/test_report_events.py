"""Months told by the instants at which they begin are those of times taken apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import functions as F

from userprofile.pipelines.report_events import month_of

FIRST, END = datetime(1996, 12, 31, 22, 30, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


# Offsets of quarters of an hour, on either side of the date line, and summer times that begin at midnight.
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "America/Asuncion"])
def test_months_are_those_of_the_local_calendar_to_the_second(spark, zone):
    begins = [datetime(year, month, 1, tzinfo=ZoneInfo(zone)) for year in range(1997, 2026) for month in range(1, 13)]
    instants = [begin.astimezone(UTC) + step for begin in begins for step in (-HOUR, -SECOND, 0 * HOUR, SECOND, HOUR)]
    times = [FIRST, *(instant for instant in instants if FIRST <= instant < END), END - SECOND]
    frame = spark.createDataFrame([(time,) for time in times], "at timestamp")
    local = F.from_utc_timestamp("at", zone)
    taken_apart = 12 * F.year(local) + F.month(local) - 1
    other = frame.where(month_of("at", FIRST, END, ZoneInfo(zone)) != taken_apart)
    assert other.collect() == []
