from __future__ import annotations

import datetime as dt

from userprofile.pipelines.audit_pairs import counts_of_actions
from userprofile.windows import AsOf

HOUR = dt.timedelta(hours=1)


def test_actions_are_counted_of_people_and_of_what_each_date_knows(spark):
    first, second = (AsOf.at(dt.date(2024, 3, day), "UTC") for day in (10, 11))
    rows = [
        ("view", first.instant - HOUR, None, False),
        ("view", first.instant - HOUR, first.instant + HOUR, False),  # heard of late
        ("view", first.instant, None, False),
        ("view", first.instant - HOUR, None, True),
        ("cart", second.instant - HOUR, second.instant + 3 * HOUR, False),
    ]
    schema = "action string, event_time timestamp, arrived_at timestamp, is_bot boolean"
    events = spark.createDataFrame(rows, schema)
    assert counts_of_actions(events, [first, second], 0 * HOUR) == {
        first.date: {"view": 1, "cart": 0},
        second.date: {"view": 3, "cart": 0},
    }
    assert counts_of_actions(events, [first, second], 2 * HOUR)[first.date]["view"] == 2
    assert counts_of_actions(events, [second], 4 * HOUR)[second.date]["cart"] == 1
