from __future__ import annotations

import datetime as dt
from dataclasses import replace

from userprofile.audit.past import past
from userprofile.audit.recompute import covered as names_covered
from userprofile.audit.recompute import differences
from userprofile.audit.reference import DEFINITIONS, definition
from userprofile.features.catalogue import catalogue
from userprofile.windows import ALL_HISTORY, AsOf, Window

ONE = dt.timedelta(microseconds=1)


def test_every_definition_is_of_a_column_of_the_catalogue():
    """A renamed feature would otherwise go unaudited without a word."""
    features = catalogue(timezone="UTC").features
    names = {feature.name.removesuffix(f"_{feature.window.name}") for feature in features if feature.window}
    names |= {feature.name for feature in features}
    assert set(DEFINITIONS) <= names


def test_most_of_frequency_recency_and_money_is_covered():
    features = catalogue(timezone="UTC").features
    known = set(names_covered(features))
    for family in ("frequency", "recency"):
        assert {feature.name for feature in features if feature.family == family} & known
    assert {"view_count_7d", "spend_all", "orders_30d", "rfm_monetary", "active_days_90d", "tenure_days"} <= known
    assert (len(known), len(features)) == (218, 247)  # as the README says


def test_the_engine_and_the_reference_agree(raw_log, log, covered, rows_of, as_ofs, given):
    rows = rows_of(log, as_ofs, covered)
    assert rows.height >= 2 * 5
    found = differences(rows, raw_log, features=covered.features, as_ofs=as_ofs, given=given)
    assert found == []


def test_the_log_has_something_to_tell_of_every_column(log, covered, rows_of, as_ofs):
    """Of a column that is null, or the same everywhere, any reference would agree."""
    rows = rows_of(log, as_ofs, covered)
    assert {name for name in covered.names if rows[name].drop_nulls().n_unique() < 2} == set()


def test_an_unknown_column_has_no_definition():
    assert definition("category_1_affinity", ALL_HISTORY) is None
    assert definition("view_count_7d", Window(30)) is None


def test_both_clocks_cut_to_the_microsecond(given):
    as_of = AsOf.at(dt.date(2024, 3, 20), "UTC")
    day = dt.timedelta(days=1)

    def event(happened, arrived):
        heard = None if arrived is None else as_of.instant + arrived
        return {"event_time": as_of.instant + happened, "arrived_at": heard}

    events = [event(-ONE, None), event(0 * ONE, None), event(-day, -ONE), event(-day, 0 * ONE), event(-7 * day, None)]
    events = [{**one, "event_order": place} for place, one in enumerate(events)]
    for expected, window, lag in (([4, 2, 0], None, 0 * ONE), ([4, 2, 3, 0], None, ONE), ([2, 0], Window(6), 0 * ONE)):
        found = past(events, as_of=as_of, window=window, given=replace(given, arrival_lag=lag)).events
        assert [one["event_order"] for one in found] == expected
