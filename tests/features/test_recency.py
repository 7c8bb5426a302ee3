from __future__ import annotations

import datetime as dt

from userprofile.columns import ACTION_CODE
from userprofile.features.recency import recency

DAY = dt.timedelta(days=1)


def oracle(history, as_of):
    ages = {"days_since_any": (as_of.instant - history[-1]["event_time"]) / DAY}
    for action, code in ACTION_CODE.items():
        times = [event["event_time"] for event in history if event["action"] == code]
        ages[f"days_since_{action}"] = (as_of.instant - max(times)) / DAY if times else None
    return ages


def test_recency_agrees_with_plain_python(agrees):
    agrees(recency(), oracle)
