from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

from userprofile.labels.purchase_days import with_purchase_days

LONDON, PURCHASE = ZoneInfo("Europe/London"), 4


def test_purchase_days_agree_with_plain_python(random_log, as_ofs, label_window):
    events = random_log(11)
    users = sorted(set(events["user_id"]))
    rows = pl.DataFrame(
        [(user, as_of.date) for as_of in as_ofs for user in users], schema=["user_id", "as_of_date"], orient="row"
    )
    counted = with_purchase_days(rows, events, as_ofs=as_ofs, window=label_window, timezone="Europe/London")
    assert counted.select(rows.columns).equals(rows)
    instant = {as_of.date: as_of for as_of in as_ofs}
    for user, day, days in counted.rows():
        start, end = label_window.start(instant[day]), label_window.end(instant[day])
        bought = {
            event["event_time"].astimezone(LONDON).date()
            for event in events.filter(pl.col("user_id") == user).to_dicts()
            if event["action"] == PURCHASE and start <= event["event_time"] < end
        }
        assert days == len(bought)
    assert 0 in counted["label_purchase_days"]
