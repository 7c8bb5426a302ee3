from __future__ import annotations

import datetime as dt

from userprofile.labels.assemble import labels_per_user
from userprofile.windows import Window

DAY = dt.timedelta(days=1)


def test_the_next_action_is_that_of_the_first_event_of_any_kind(random_log, as_ofs, label_window, log_end):
    for seed in range(8):
        events = random_log(seed)
        rows = labels_per_user(
            events, as_ofs=as_ofs, label_window=label_window, category_level=1, active=Window(20), log_end=log_end
        )
        for row in rows.to_dicts():
            as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
            ahead = [
                event
                for event in events.to_dicts()
                if event["user_id"] == row["user_id"]
                and as_of.instant + 2 * DAY <= event["event_time"] < as_of.instant + 16 * DAY
            ]
            ahead.sort(key=lambda event: (event["event_time"], event["event_order"]))
            assert row["label_next_action"] == (ahead[0]["action"] if ahead else None)
