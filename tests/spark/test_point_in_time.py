"""Labels meet the features of their time, and never later ones."""

from __future__ import annotations

import datetime as dt
import random

import polars as pl
import pytest

from userprofile.spark.point_in_time import with_features_of_their_time
from userprofile.windows import AsOf

ZONE = "America/New_York"
DAYS = [dt.date(2024, 3, day) for day in (9, 10, 11, 20)]  # clocks change on the tenth
KNOWN_FROM = {"ann": 0, "bob": 2}  # the place among DAYS of the first date that knows the user
ONE = dt.timedelta(microseconds=1)
FEATURES = {"user_id": pl.String, "as_of_date": pl.Date, "orders_all": pl.Int64}


def features(spark, known_from):
    rows = [
        (user, day, place) for user, first in known_from.items() for place, day in enumerate(DAYS) if place >= first
    ]
    return spark.createDataFrame(pl.DataFrame(rows, schema=FEATURES, orient="row").to_arrow())


def times():
    """The edges of each date to the microsecond, and some moments between."""
    edges = [AsOf.at(day, ZONE).instant + step for day in DAYS for step in (-ONE, 0 * ONE, ONE)]
    return edges + [edges[0] + random.Random(3).random() * dt.timedelta(days=15) for _ in range(20)]


@pytest.fixture
def labels(spark):
    rows = [(user, time, number) for user in ("ann", "bob", "eve") for number, time in enumerate(times())]
    schema = {"user_id": pl.String, "labelled_at": pl.Datetime("us", "UTC"), "label": pl.Int64}
    return spark.createDataFrame(pl.DataFrame(rows, schema=schema, orient="row").to_arrow())


def test_each_label_has_the_latest_features_by_its_time(spark, labels):
    joined = with_features_of_their_time(labels, features(spark, KNOWN_FROM), time="labelled_at", timezone=ZONE)
    assert joined.columns == ["user_id", "labelled_at", "label", "as_of_date", "orders_all"]
    found = pl.DataFrame(joined.toArrow()).rows_by_key(["user_id", "label"], named=True, unique=True)
    assert len(found) == labels.count()
    for (user, number), row in found.items():
        begun = [place for place, day in enumerate(DAYS) if AsOf.at(day, ZONE).instant <= times()[number]]
        knows = bool(begun) and user in KNOWN_FROM and begun[-1] >= KNOWN_FROM[user]
        assert row["as_of_date"] == (DAYS[begun[-1]] if begun else None)
        assert row["orders_all"] == (begun[-1] if knows else None)


def test_without_features_every_label_stays(spark, labels):
    joined = with_features_of_their_time(labels, features(spark, {}), time="labelled_at", timezone=ZONE)
    assert joined.where("as_of_date is null and orders_all is null").count() == labels.count()
