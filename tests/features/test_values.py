"""Features of a user's values: by a key of their own, and against what the population knows of each value."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import dataframely as dy
import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.entries import Feature, Helper, Key
from userprofile.features.vocabulary import ORDER
from userprofile.schemas.gold import PopulationStatistics, scored

EVENTS = Helper("events_of_value", pl.len())


def a_feature(name, **changes):
    told = {"family": "test", "unit": "", "null": "", "says": "", "per": "values", "pairs": (EVENTS,)}
    return Feature(name, **{"dtype": dy.Float64(nullable=True)} | told | changes)


# Sums of such numbers show in their last bits how they were added up.
WORTH = a_feature(
    "worth", expr=(pl.col("events_of_value") * pl.col("brand_worth")).sum(), by="brand", statistics=("brand_worth",)
)
WORTHIEST = a_feature(
    "worthiest",
    expr=pl.col("events_of_value") * pl.col("brand_worth"),
    dtype=scored(),
    per="ranking",
    by="brand",
    statistics=("brand_worth",),
    top=2,
    shares=False,
)


def worth(brand, as_of):
    """What the population knows of a brand, on each date something else; of one brand in five nothing."""
    return None if brand % 5 == 0 else brand / 7 + as_of.date.toordinal() / 3


@pytest.fixture(scope="module")
def worths(as_ofs):
    rows = [
        {"as_of_date": as_of.date, "statistic": statistic, "key": str(brand), "value": value}
        for as_of in as_ofs
        for brand in range(1, 30)
        for statistic, value in (("brand_worth", worth(brand, as_of)), ("brand_fame", 1.0))
        if value is not None
    ]
    return PopulationStatistics.validate(pl.DataFrame(rows), cast=True)


@pytest.fixture(scope="module")
def features(worths, names):
    def run(events, as_ofs, *entries):
        return features_per_user(events, as_ofs=as_ofs, catalogue=compose(entries), statistics=worths, names=names)

    return run


@pytest.mark.parametrize("seed", range(3))
def test_a_value_stands_beside_what_the_population_knows_of_it(features, random_log, history_of, as_ofs, seed):
    events = random_log(seed)
    for row in features(events, as_ofs, WORTH, WORTHIEST).to_dicts():
        as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
        brands = Counter(event["brand"] for event in history_of(events, row["user_id"], as_of) if event["brand"])
        known = {brand: count * worth(brand, as_of) for brand, count in brands.items() if worth(brand, as_of)}
        assert row["worth"] == pytest.approx(sum(known.values()), rel=1e-12)
        strongest = sorted(known, key=lambda brand: (-known[brand], brand))[:2]
        assert [pair["name"] for pair in row["worthiest"]] == [f"brand / {brand}" for brand in strongest]


def test_without_statistics_every_value_is_unknown(random_log, as_ofs, names):
    known = compose([a_feature("known", expr=pl.col("brand_worth").count(), by="brand", statistics=("brand_worth",))])
    nothing = PopulationStatistics.create_empty()
    rows = features_per_user(random_log(0), as_ofs=as_ofs, catalogue=known, statistics=nothing, names=names)
    assert set(rows["known"].drop_nulls()) == {0}


@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_a_key_where_the_feature_brings_it(features, random_log, history_of, as_ofs, seed):
    """Purchases without an order's number are one order where they share an instant: as all of each user's day do."""
    events = random_log(seed).with_columns(pl.col("event_time").dt.truncate("1d"))
    squares = (pl.col("events_of_value").cast(pl.Float64) ** 2).sum()
    by_order = a_feature("squares", expr=squares, by="order", keys=(ORDER,))
    for row in features(events, as_ofs, by_order).to_dicts():
        as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
        history = history_of(events, row["user_id"], as_of)
        bought = [event for event in history if event["action"] == ACTION_CODE["purchase"]]
        orders = Counter(event["order"] or ("at", event["event_time"]) for event in bought)
        assert row["squares"] == (sum(count**2 for count in orders.values()) or None)


def test_a_value_with_two_meanings_is_refused(features, random_log, as_ofs):
    doubled = a_feature("doubled", expr=pl.len(), by="brand", keys=(Key("brand", pl.col("brand") * 2),))
    with pytest.raises(UsageError, match="brand two meanings"):
        features(random_log(0), as_ofs, WORTH, doubled)


def test_sums_of_statistics_have_the_same_bits_in_a_crowd(features, random_log, as_ofs):
    twins = [
        random_log(8).with_columns(pl.col("user_id").str.replace("user", f"user of copy {copy:03}"))
        for copy in range(300)
    ]
    crowd = features(pl.concat(twins), as_ofs[1:], WORTH).with_columns(pl.col("user_id").str.tail(1))
    alone = features(random_log(8), as_ofs[1:], WORTH).with_columns(pl.col("user_id").str.tail(1))
    assert set(crowd.iter_rows()) == set(alone.iter_rows())


def test_events_after_the_instant_bring_no_values(features, random_log, as_ofs):
    as_of = as_ofs[0]
    known = random_log(2).filter(as_of.knows())
    later = random_log(3).with_columns(
        pl.lit(as_of.instant + dt.timedelta(days=1)).cast(pl.Datetime("us", "UTC")).alias("known_at")
    )
    entries = (WORTH, a_feature("orders", expr=pl.len().cast(pl.Float64), by="order", keys=(ORDER,)))
    assert features(pl.concat([known, later]), [as_of], *entries).equals(features(known, [as_of], *entries))
