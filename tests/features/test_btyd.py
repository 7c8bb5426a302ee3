from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.features.assemble import features_per_user
from userprofile.features.btyd import btyd
from userprofile.features.catalogue import compose

LONDON = ZoneInfo("Europe/London")


def oracle(history, as_of):
    days = {}
    for event in history:
        if event["action"] == ACTION_CODE["purchase"]:
            days.setdefault(event["event_time"].astimezone(LONDON).date(), []).append(event["amount"])
    if not days:
        return dict.fromkeys(feature.name for feature in btyd(timezone="UTC"))
    first, *repeats = sorted(days)
    values = [sum(known) for day in repeats if (known := [amount for amount in days[day] if amount is not None])]
    return {
        "btyd_frequency": len(repeats),
        "btyd_recency_days": (max(days) - first).days,
        "btyd_age_days": (as_of.date - first).days,
        "btyd_monetary_value": sum(values) / len(values) if values else None,
    }


def test_btyd_agrees_with_plain_python(agrees, timezone):
    agrees(btyd(timezone=timezone), oracle)


@pytest.fixture
def features(random_log, as_ofs, statistics, names, timezone):
    """Of one user who bought at these times of London, as of 2024-04-10."""

    def run(*purchases):
        one = random_log(0).head(1).with_columns(action=pl.lit(ACTION_CODE["purchase"], pl.Int8), order=None)
        times = [dt.datetime.fromisoformat(time).replace(tzinfo=LONDON) for time, _ in purchases]
        bought = pl.DataFrame(
            {"event_time": times, "known_at": times, "amount": [amount for _, amount in purchases]},
            schema={"event_time": pl.Datetime("us", "UTC"), "known_at": pl.Datetime("us", "UTC"), "amount": pl.Int64},
        )
        events = one.drop(bought.columns).join(bought, how="cross").select(random_log(0).columns)
        events = events.cast(random_log(0).schema)
        catalogue = compose(btyd(timezone=timezone))
        rows = features_per_user(events, as_ofs=as_ofs[1:], catalogue=catalogue, statistics=statistics, names=names)
        return rows.drop("user_id", "as_of_date").row(0)

    return run


def test_purchases_of_one_day_are_one_transaction_and_the_first_is_no_repeat(features):
    assert features(("2024-04-01T09:00", 700), ("2024-04-01T23:59", 100)) == (0, 0, 9, None)
    repeat = (("2024-04-04T00:00", 200), ("2024-04-04T08:00", 50), ("2024-04-09T23:59", 50))
    assert features(("2024-04-01T09:00", 700), *repeat) == (2, 8, 9, 150.0)


def test_a_day_without_a_known_amount_is_a_repeat_without_a_value(features):
    assert features(("2024-04-01T09:00", 1), ("2024-04-02T09:00", None), ("2024-04-03T09:00", 8)) == (2, 2, 9, 8.0)


def test_the_sources_are_named():
    for feature in btyd(timezone="UTC"):
        assert "Fader, B. G. S. Hardie and K. L. Lee" in feature.source
        assert feature.name.startswith("btyd_")
