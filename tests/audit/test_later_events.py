from __future__ import annotations

import dataframely as dy
import polars as pl
import pytest

from userprofile.audit.later_events import AS_THEY_ARE, LATE, LATER, Change, changes, summed
from userprofile.features.catalogue import catalogue, compose
from userprofile.features.entries import Feature, Helper
from userprofile.features.sequences import sequences_per_user
from userprofile.windows import ALL_HISTORY

TIME = pl.col("event_time")
NEXT = pl.when(pl.col("user") == pl.col("user").shift(-1)).then(TIME.shift(-1))


def feature(name, expr, *helpers):
    texts = {"unit": "", "null": "", "says": ""}
    return Feature(
        name,
        family="planted",
        expr=expr,
        dtype=dy.Float64(nullable=True),
        window=ALL_HISTORY,
        helpers=helpers,
        **texts,
    )


@pytest.fixture(scope="module")
def clean(timezone):
    return catalogue(timezone=timezone)


def test_nothing_later_changes_a_feature_of_ours(log, clean, computing, as_ofs):
    for as_of in as_ofs:
        assert changes(log, as_of=as_of, compute=computing(clean)) == []


def test_nothing_later_changes_a_sequence(log, as_ofs):
    def compute(events, as_of):
        return sequences_per_user(events, as_ofs=[as_of], length=5)

    assert changes(log, as_of=as_ofs[0], compute=compute) == []


def test_a_feature_that_peeks_one_day_ahead_is_named(log, computing, as_ofs):
    soon = (pl.duration(days=1) >= (NEXT - TIME)).cast(pl.Float64)
    peeks = feature("acts_again_within_a_day", pl.col("soon").last(), Helper("soon", soon, at="call"))
    honest = feature("age", pl.col("age_days").min())
    found = changes(log, as_of=as_ofs[0], compute=computing(compose([peeks, honest])))
    assert {change.feature for change in found} == {"acts_again_within_a_day"}
    assert set(LATER) <= {change.added for change in found}


def test_a_feature_that_counts_the_whole_history_is_named(log, computing, as_ofs):
    events_ever = Helper("events_ever", pl.len().over("user").cast(pl.Float64), at="call")
    found = changes(
        log, as_of=as_ofs[0], compute=computing(compose([feature("ever", pl.col("events_ever").max(), events_ever)]))
    )
    assert set(LATER) <= {change.added for change in found}


def test_a_program_that_takes_an_event_for_known_as_it_happens_is_caught_by_late_ones(log, clean, computing, as_ofs):
    def careless(events, as_of):
        return computing(clean)(events.with_columns(known_at=TIME), as_of)

    found = changes(log, as_of=as_ofs[0], compute=careless)
    assert {change.added for change in found} == {AS_THEY_ARE, *LATE}


def test_a_window_that_holds_its_end_is_caught_by_events_at_as_of(log, as_ofs):
    def inclusive(events, as_of):
        until = events.filter(pl.col("known_at") <= as_of.instant)
        return until.group_by("user_id").agg(pl.len().alias("count"))

    quiet = log.filter(pl.col("known_at") != as_ofs[0].instant)
    found = changes(quiet, as_of=as_ofs[0], compute=inclusive)
    assert {change.added for change in found} == {
        "events at as_of",
        "events 1 microsecond before, arriving at as_of",
    }


@pytest.mark.parametrize("action", range(11))
def test_every_action_is_among_what_is_added(log, as_ofs, action):
    """A leak that only counts complaints must be caught although nobody here complained before."""

    def counts_all(events, as_of):
        return events.group_by("user_id").agg((pl.col("action") == action).sum().alias("count"))

    calm = log.filter(pl.col("action") == 0)
    found = changes(calm, as_of=as_ofs[0], compute=counts_all)
    assert set(LATER) <= {change.added for change in found}


def test_a_lone_user_is_not_blamed_for_the_last_bits_of_a_division(log, clean, computing, as_ofs):
    """Polars divides one value otherwise than many."""
    for user in log["user_id"].value_counts(sort=True)["user_id"].head(6):
        alone = log.filter(pl.col("user_id") == user)
        assert changes(alone, as_of=as_ofs[0], compute=computing(clean)) == []


def test_pairs_of_several_dates_add_up():
    found = [Change("spend", "events at as_of", 2), Change("orders", "events at as_of", 1)]
    assert summed([*found, Change("spend", "events at as_of", 3)]) == [
        Change("spend", "events at as_of", 5),
        Change("orders", "events at as_of", 1),
    ]
