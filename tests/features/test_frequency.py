from __future__ import annotations

import datetime as dt

from userprofile.columns import ACTION_CODE
from userprofile.features.frequency import frequency
from userprofile.windows import ALL_HISTORY, Window


def oracle(history, as_of):
    counts = {}
    for action, code in ACTION_CODE.items():
        counts[f"{action}_count_all"] = sum(event["action"] == code for event in history)
        for days in (7, 30):
            start = as_of.instant - dt.timedelta(days=days)
            inside = [event for event in history if start <= event["event_time"]]
            counts[f"{action}_count_{days}d"] = sum(event["action"] == code for event in inside)
    return counts


def test_counts_agree_with_plain_python(agrees):
    agrees(frequency([Window(7), Window(30), ALL_HISTORY]), oracle)
