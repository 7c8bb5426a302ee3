"""The whole catalogue: nothing leaks, nothing depends on the order of rows, every column is as declared."""

from __future__ import annotations

import datetime as dt

import cloudpickle
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import catalogue, user_features_schema
from userprofile.schemas.gold import PopulationStatistics

ONE = dt.timedelta(microseconds=1)
CATALOGUE = catalogue(timezone="Europe/London")


CLOCKS = (("event_time", "known_at"), ("known_at",))


def moved(events, *, to, what):
    """The events as of another time; where only `known_at` moves, they happened when they did and arrived then."""
    return events.with_columns(pl.lit(to).cast(pl.Datetime("us", "UTC")).alias(name) for name in what)


@pytest.fixture(scope="module")
def features(statistics, names):
    def run(events, as_ofs, entries=CATALOGUE):
        return features_per_user(events, as_ofs=as_ofs, catalogue=entries, statistics=statistics, names=names)

    return run


def test_rows_are_those_of_the_declared_table(features, random_log, as_ofs):
    rows, schema = features(random_log(0), as_ofs), user_features_schema(CATALOGUE)
    schema.validate(rows, cast=False)
    assert dict(rows.schema) == {name: column.dtype for name, column in schema.columns().items()}
    assert rows.equals(rows.sort("as_of_date", "user_id"))


def test_a_row_is_a_user_with_an_event_before_the_date(features, random_log, as_ofs):
    events = random_log(0, events=12)
    expected = {
        (row["user_id"], as_of.date) for row in events.to_dicts() for as_of in as_ofs if row["known_at"] < as_of.instant
    }
    assert set(features(events, as_ofs).select("user_id", "as_of_date").iter_rows()) == expected


@settings(max_examples=15)
@given(seed=st.integers(0, 1_000), shuffle=st.integers(0, 1_000))
def test_the_order_of_rows_never_matters(features, random_log, as_ofs, seed, shuffle):
    events = random_log(seed)
    assert features(events.sample(fraction=1, shuffle=True, seed=shuffle), as_ofs).equals(features(events, as_ofs))


@settings(max_examples=15)
@given(seed=st.integers(0, 1_000), added=st.integers(0, 1_000), late=st.integers(0, 10**13))
def test_events_at_or_after_the_instant_change_no_bit(features, random_log, as_ofs, seed, added, late):
    as_of = as_ofs[0]
    known = random_log(seed).filter(as_of.knows())
    happened_later, arrived_later = (
        moved(random_log(added), to=as_of.instant + late * ONE, what=what) for what in CLOCKS
    )
    at_once = moved(random_log(added), to=as_of.instant, what=("event_time", "known_at"))
    unknown = pl.concat([happened_later, arrived_later, at_once])
    assert features(pl.concat([known, unknown]), [as_of]).equals(features(known, [as_of]))


@pytest.mark.parametrize("action", range(11))
def test_one_microsecond_before_the_instant_counts(features, random_log, as_ofs, action):
    as_of = as_ofs[0]
    known = random_log(5).filter(pl.col("known_at") < as_of.instant - dt.timedelta(days=1))
    edge = known.filter(pl.col("user_id") == "user 3").head(1)

    def added(time):
        acted = edge.with_columns(pl.lit(action, pl.Int8).alias("action"))
        return features(pl.concat([known, moved(acted, to=time, what=("event_time", "known_at"))]), [as_of])

    before, after = added(as_of.instant - ONE), added(as_of.instant)
    assert after.equals(features(known, [as_of]))
    others = pl.col("user_id") != "user 3"
    assert before.filter(others).equals(after.filter(others))
    (was,), (now,) = after.filter(~others).to_dicts(), before.filter(~others).to_dicts()
    name = list(CATALOGUE.names)[[n.endswith("_count_7d") for n in CATALOGUE.names].index(True) + 5 * action][
        : -len("_7d")
    ]
    for window in ("7d", "30d", "90d", "180d", "all"):
        assert now[f"{name}_{window}"] == was[f"{name}_{window}"] + 1
    assert now["days_since_any"] == pytest.approx(1 / 86_400e6)


def test_several_dates_at_once_are_each_alone(features, random_log, as_ofs):
    events = random_log(6)
    alone = pl.concat([features(events, [as_of]) for as_of in as_ofs])
    assert features(events, as_ofs).equals(alone.sort("as_of_date", "user_id"))


def test_no_events_are_no_rows(features, random_log, as_ofs):
    empty = user_features_schema(CATALOGUE).create_empty()
    assert features(random_log(0).head(0), as_ofs).equals(empty)
    assert features(random_log(0), []).equals(empty)


def test_who_never_bought_has_zero_counts_and_no_averages(features, random_log, as_ofs):
    events = random_log(0).filter(pl.col("user_id") == "user 1")
    for row in features(events, as_ofs).to_dicts():
        zeros = ("purchase_count_all", "spend_all", "spend_7d", "orders_all")
        nulls = ("days_since_purchase", "average_order_value_all", "discount_share", "last_order_amount", "rfm_segment")
        assert [row[name] for name in zeros] == [0] * len(zeros)
        assert [row[name] for name in nulls] == [None] * len(nulls)


def test_a_catalogue_that_travelled_computes_the_same(features, random_log, as_ofs):
    """As it does to the processes of a cluster."""
    travelled = cloudpickle.loads(cloudpickle.dumps(CATALOGUE))
    assert features(random_log(7), as_ofs, travelled).equals(features(random_log(7), as_ofs))


def test_empty_statistics_are_enough_for_a_date_without_events(features, random_log, as_ofs, names):
    rows = features_per_user(
        random_log(0).filter(~as_ofs[0].knows()),
        as_ofs=as_ofs[:1],
        catalogue=CATALOGUE,
        statistics=PopulationStatistics.create_empty(),
        names=names,
    )
    assert rows.equals(user_features_schema(CATALOGUE).create_empty())


def test_twins_in_a_crowd_have_the_same_bits(features, random_log, as_ofs):
    """Sums of floats must not depend on who else is there, nor on how work is split."""
    twins = [
        random_log(8).with_columns(pl.col("user_id").str.replace("user", f"user of copy {copy:03}"))
        for copy in range(600)
    ]
    rows = features(pl.concat(twins), as_ofs[1:]).with_columns(pl.col("user_id").str.tail(1))
    alone = features(random_log(8), as_ofs[1:]).with_columns(pl.col("user_id").str.tail(1))
    everyone = pl.concat([alone] * len(twins)).sort("user_id", maintain_order=True)
    assert rows.sort("user_id", maintain_order=True).equals(everyone)


@pytest.mark.parametrize("seed", range(3))
def test_a_user_alone_has_the_same_bits_as_among_others(features, random_log, as_ofs, seed):
    events = random_log(seed)
    alone = [features(events.filter(pl.col("user_id") == user_id), as_ofs) for user_id in events["user_id"].unique()]
    assert pl.concat(alone).sort("as_of_date", "user_id").equals(features(events, as_ofs))
