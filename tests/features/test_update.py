"""Daily = rebuild: whatever came in between, an updated row has the bits of one made anew."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import catalogue
from userprofile.features.update import updated_features
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf

TIMEZONE = "Europe/London"
CATALOGUE = catalogue(timezone=TIMEZONE)
FIRST = dt.date(2024, 3, 20)


@pytest.fixture(scope="module")
def of_date(statistics):
    """Statistics that move from date to date, as those of a population do."""

    def make(day):
        some = statistics.filter(pl.col("as_of_date") == FIRST)
        moved = pl.col("value") * (1 + (day - FIRST).days / 100)
        return PopulationStatistics.validate(some.with_columns(as_of_date=pl.lit(day), value=moved))

    return make


@pytest.fixture(scope="module")
def rebuilt(names, of_date):
    def run(events, as_of):
        statistics = of_date(as_of.date)
        return features_per_user(events, as_ofs=[as_of], catalogue=CATALOGUE, statistics=statistics, names=names)

    return run


@pytest.fixture(scope="module")
def updated(names, of_date):
    def run(events, earlier, since, as_of):
        return updated_features(
            events,
            earlier,
            since=since,
            as_of=as_of,
            catalogue=CATALOGUE,
            statistics=of_date(as_of.date),
            names=names,
        )

    return run


def as_of_day(number):
    return AsOf.at(FIRST + dt.timedelta(days=number), TIMEZONE)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 1_000),
    steps=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    came=st.lists(st.integers(0, 4), min_size=7, max_size=7),
)
def test_any_sequence_of_updates_gives_the_rows_of_a_rebuild(rebuilt, updated, random_log, seed, steps, came):
    """Days skipped and days without events; events that arrive late by the log's own clock, or in a later file."""
    # Which load brings an event: a few are brought long after they were known.
    load = pl.lit(0)
    for place, when in enumerate(came):
        load = pl.when(pl.col("event_order") % 7 == place).then(when).otherwise(load)
    events = random_log(seed, events=120).with_columns(load=load)
    since = as_of_day(0)
    rows = rebuilt(events.filter(pl.col("load") == 0), since)
    for number in range(1, len(steps) + 1):
        as_of = as_of_day(sum(steps[:number]))
        loaded = events.filter(pl.col("load") <= number)
        rows = updated(loaded.with_columns(is_new=pl.col("load") == number), rows, since, as_of)
        assert_frame_equal(rows, rebuilt(loaded, as_of), check_exact=True)
        since = as_of


def test_a_day_on_which_nothing_happens_still_ages(rebuilt, updated, random_log):
    events = random_log(3).filter(as_of_day(0).knows())
    rows = updated(events.with_columns(is_new=False), rebuilt(events, as_of_day(0)), as_of_day(0), as_of_day(1))
    assert_frame_equal(rows, rebuilt(events, as_of_day(1)), check_exact=True)
    assert (rows["days_since_any"] - rebuilt(events, as_of_day(0))["days_since_any"]).round(9).unique().to_list() == [1]


def test_what_nothing_changed_is_kept_and_not_made_anew(rebuilt, updated, random_log):
    """Else an update would be a rebuild: a wrong earlier value stays where no event of the user came or went."""
    events = random_log(3).filter(as_of_day(0).knows())
    quiet = events.filter(pl.col("event_time") < as_of_day(-200).instant)
    assert quiet.height
    earlier = rebuilt(quiet, as_of_day(0)).with_columns(view_count_7d=pl.lit(-7), view_count_all=pl.lit(-1))
    rows = updated(quiet.with_columns(is_new=False), earlier, as_of_day(0), as_of_day(1))
    assert rows["view_count_7d"].unique().to_list() == [-7]
    assert rows["view_count_all"].unique().to_list() == [-1]


def test_no_event_known_yet_is_no_row(rebuilt, updated, random_log):
    later = random_log(0).filter(~as_of_day(1).knows()).with_columns(is_new=True)
    rows = updated(later, rebuilt(later, as_of_day(0)), as_of_day(0), as_of_day(1))
    assert_frame_equal(rows, rebuilt(later, as_of_day(1)), check_exact=True)


def test_what_maintains_an_entry_is_told_by_its_expressions():
    ways = {feature.name: feature.maintained() for feature in CATALOGUE.features}
    assert ways["spend_all"] == "event"
    assert ways["brand_affinity"] == "event", "fading, but alike for all of a user's events"
    assert ways["distinct_items_7d"] == ways["novelty_share_30d"] == "window"
    assert ways["days_since_view"] == ways["dwell_seconds_mean"] == ways["due_next"] == "time"
    assert ways["price_to_category_median"] == "time", "the population moves"
    assert ways["rfm_segment"] == ways["view_to_cart_7d"] == "row"
