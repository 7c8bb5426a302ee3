from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from userprofile.features.activity import activity
from userprofile.windows import ALL_HISTORY, Window

DAY = dt.timedelta(days=1)


def oracle(history, as_of):
    first, last = history[0]["event_time"], history[-1]["event_time"]
    values = {"tenure_days": (as_of.instant - first) / DAY, "first_seen": first, "last_seen": last}
    for level in (1, 2, 3):
        codes = {event[f"category_{level}"] for event in history} - {None}
        values[f"distinct_category_{level}_all"] = len(codes)
    for name, days in (("7d", 7), ("90d", 90), ("all", 10_000)):
        inside = [event for event in history if as_of.instant - days * DAY <= event["event_time"]]
        local = [event["event_time"].astimezone(ZoneInfo("Europe/London")) for event in inside]
        values[f"active_days_{name}"] = len({time.date() for time in local})
        values[f"distinct_items_{name}"] = len({event["item"] for event in inside} - {None})
    return values


def test_activity_agrees_with_plain_python(agrees, timezone):
    agrees(activity([Window(7), Window(90), ALL_HISTORY], timezone=timezone), oracle)
