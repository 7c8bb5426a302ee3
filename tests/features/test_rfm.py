from __future__ import annotations

import datetime as dt
from itertools import product

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.errors import DataGateError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.rfm import SEGMENT_OF, SEGMENTS, rfm
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import ALL_HISTORY, Window

DAY = dt.timedelta(days=1)
THRESHOLDS = {"recency_days": (1, 3, 9, 27), "frequency": (2, 4, 6, 8), "monetary": (1e3, 4e3, 9e3, 2e4)}


def below(value, name):
    return sum(threshold < value for threshold in THRESHOLDS[name])


def oracle_of(days):
    def oracle(history, as_of):
        bought = [event for event in history if event["action"] == ACTION_CODE["purchase"]]
        bought = [event for event in bought if as_of.instant - days * DAY <= event["event_time"]]
        values = (
            "recency_days",
            "frequency",
            "monetary",
            "recency_score",
            "frequency_score",
            "monetary_score",
            "segment",
        )
        if not bought:
            return {f"rfm_{name}": None for name in values}
        recency = (as_of.instant - bought[-1]["event_time"]) / DAY
        frequency = len({event["order"] or event["event_time"] for event in bought})
        amounts = [event["amount"] for event in bought if event["amount"] is not None]
        monetary = sum(amounts) if amounts else None
        r, f = 5 - below(recency, "recency_days"), 1 + below(frequency, "frequency")
        m = None if monetary is None else 1 + below(monetary, "monetary")
        segment = next(name for name, codes in SEGMENTS.items() if f"{r}{f}{m or f}" in codes.split())
        return dict(zip([f"rfm_{v}" for v in values], (recency, frequency, monetary, r, f, m, segment), strict=True))

    return oracle


@pytest.mark.parametrize(("window", "days"), [(ALL_HISTORY, 10_000), (Window(30), 30)])
def test_rfm_agrees_with_plain_python(agrees, window, days):
    agrees(rfm(window), oracle_of(days))


def test_every_score_has_one_segment():
    codes = [int(code) for codes in SEGMENTS.values() for code in codes.split()]
    assert sorted(codes) == sorted(100 * r + 10 * f + m for r, f, m in product(range(1, 6), repeat=3))
    assert len(SEGMENTS) == 11
    assert SEGMENT_OF[555] == "champions"
    assert SEGMENT_OF[111] == "lost"


def test_buyers_without_statistics_are_refused(random_log, as_ofs, names):
    with pytest.raises(DataGateError, match="do not cover") as refused:
        features_per_user(
            random_log(0),
            as_ofs=as_ofs,
            catalogue=compose(rfm()),
            statistics=PopulationStatistics.create_empty(),
            names=names,
        )
    assert "no statistics as of that date" in refused.value.received


def test_without_buyers_no_statistics_are_needed(random_log, as_ofs, names):
    events = random_log(0).filter(pl.col("action") != ACTION_CODE["purchase"])
    statistics = PopulationStatistics.create_empty()
    rows = features_per_user(events, as_ofs=as_ofs, catalogue=compose(rfm()), statistics=statistics, names=names)
    assert rows.height
    assert rows.select(pl.all().exclude("user_id", "as_of_date").null_count()).row(0) == (rows.height,) * 7
