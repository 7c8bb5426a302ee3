"""Labels meet the features of their time, and never later ones, however the features lie in files."""

from __future__ import annotations

import datetime as dt
import random

import dataframely as dy
import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.places import place_label
from userprofile.pipelines.point_in_time import write_features_of_their_time
from userprofile.pipelines.written_parts import written_parts
from userprofile.schemas.ops import WrittenParts
from userprofile.spark.columnar import USER
from userprofile.tables.store import Store
from userprofile.windows import AsOf

ZONE = "America/New_York"
DAYS = [dt.date(2024, 3, day) for day in (9, 10, 11, 20)]  # clocks change on the tenth
ANN, BOB, CARL = (f"{number:08x}" + 24 * "0" for number in (7, 11, 2**32 - 1))
KNOWN_FROM = {ANN: 0, BOB: 2, CARL: 0}  # the place among DAYS of the first date that knows the user
ONE = dt.timedelta(microseconds=1)


class Features(dy.Schema):
    """One row per user and date."""

    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)
    orders_all = dy.Int64(nullable=False)
    brands = dy.List(dy.String(nullable=False), nullable=False)


@pytest.fixture
def written(spark, tmp_path):
    """Writes the table, of users dealt to so many places on each day; with 0, in files that say nothing of it."""

    def write(known_from, places):
        store, parts = Store(spark, str(tmp_path)), [WrittenParts.create_empty()]
        for number, (day, dealt_to) in enumerate(zip(DAYS, places, strict=True)):
            rows = [(user, day, number, [f"brand {number}"]) for user, first in known_from.items() if number >= first]
            frame = pl.DataFrame(rows, schema=Features.create_empty().schema, orient="row")
            for some in frame.with_columns(at=USER % max(dealt_to, 1)).partition_by("at", include_key=False):
                label = place_label(some, dealt_to) if dealt_to else ""
                where = {"root": str(tmp_path), "table": "gold.features", "partition": "as_of_date", "label": label}
                parts.append(written_parts(some, Features, **where))
        return store.replace_parts(pl.concat(parts), "gold.features", Features, partition="as_of_date")

    return write


@pytest.fixture
def joined(spark, tmp_path, labels):
    """The rows that are written."""
    store = Store(spark, str(tmp_path))

    def join(features):
        write_features_of_their_time(store, labels, features, target="gold.labelled", time="labelled_at", timezone=ZONE)
        return pl.DataFrame(DeltaTable(store.path("gold.labelled")).to_pyarrow_table())

    return join


def times():
    """The edges of each date to the microsecond, and some moments between."""
    edges = [AsOf.at(day, ZONE).instant + step for day in DAYS for step in (-ONE, 0 * ONE, ONE)]
    return edges + [edges[0] + random.Random(3).random() * dt.timedelta(days=15) for _ in range(20)]


@pytest.fixture
def labels(spark):
    users = [*KNOWN_FROM, "eve", "f" * 32]
    rows = [(user, time, number) for user in users for number, time in enumerate(times())]
    schema = {"user_id": pl.String, "labelled_at": pl.Datetime("us", "UTC"), "label": pl.Int64}
    return spark.createDataFrame(pl.DataFrame(rows, schema=schema, orient="row").to_arrow())


@pytest.mark.parametrize("places", [(1, 1, 1, 1), (3, 3, 3, 3), (2, 5, 1, 3), (0, 0, 0, 0), (2, 0, 5, 0)])
def test_each_label_has_the_latest_features_by_its_time(written, joined, labels, places):
    rows = joined(written(KNOWN_FROM, places))
    assert rows.columns == ["user_id", "labelled_at", "label", "as_of_date", "orders_all", "brands"]
    found = rows.rows_by_key(["user_id", "label"], named=True, unique=True)
    assert len(found) == rows.height == labels.count()
    for (user, number), row in found.items():
        begun = [place for place, day in enumerate(DAYS) if AsOf.at(day, ZONE).instant <= times()[number]]
        knows = bool(begun) and user in KNOWN_FROM and begun[-1] >= KNOWN_FROM[user]
        assert row["labelled_at"] == times()[number]
        assert row["as_of_date"] == (DAYS[begun[-1]] if begun else None)
        assert row["orders_all"] == (begun[-1] if knows else None)
        assert row["brands"] == ([f"brand {begun[-1]}"] if knows else None)


def test_a_pinned_version_is_read_whatever_came_after_it(written, joined):
    then = written(KNOWN_FROM, (2, 2, 2, 2))
    written({}, (0, 0, 0, 0))
    assert joined(then)["orders_all"].count() > 0


def test_labels_written_again_replace_those_before(written, joined, labels):
    joined(written(KNOWN_FROM, (2, 2, 2, 2)))
    rows = joined(written({}, (0, 0, 0, 0)))
    assert rows.height == labels.count(), "without features every label stays"
    assert rows.select("as_of_date", "orders_all").null_count().row(0) == (rows.height, rows.height)
