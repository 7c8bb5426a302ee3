from __future__ import annotations

from datetime import timedelta

import pytest

from userprofile.labels.assemble import labels_per_user
from userprofile.windows import Window


@pytest.mark.parametrize("seed", range(8))
def test_items_and_actions_of_the_window_agree_with_plain_python(
    random_log, as_ofs, label_window, log_end, seed
) -> None:
    events = random_log(seed)
    rows = labels_per_user(
        events, as_ofs=as_ofs, label_window=label_window, category_level=1, active=Window(20), log_end=log_end
    )
    start_of = {as_of.date: as_of.instant + timedelta(days=2) for as_of in as_ofs}
    for row in rows.to_dicts():
        start = start_of[row["as_of_date"]]
        inside = [
            event
            for event in events.sort("event_time", "event_order").to_dicts()
            if event["user_id"] == row["user_id"] and start <= event["event_time"] < start + timedelta(days=14)
        ]
        items = [event["item"] for event in inside if event["item"] is not None]
        assert row["label_window_items"] == list(dict.fromkeys(items))
        assert row["label_window_actions"] == sorted({event["action"] for event in inside})
