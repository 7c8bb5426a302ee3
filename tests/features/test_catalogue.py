from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from userprofile.errors import UsageError
from userprofile.features.catalogue import catalogue, compose, dense_names, user_features_schema
from userprofile.features.entries import Catalogue, Helper, Key
from userprofile.features.frequency import frequency
from userprofile.features.recency import recency
from userprofile.schemas.gold import PerUser
from userprofile.windows import Window

CATALOGUE = catalogue(timezone="Europe/London")


def test_the_families_are_all_there():
    families = {feature.family for feature in CATALOGUE.features}
    behaviour = {"activity", "recency", "frequency", "funnel", "transition", "needs", "risk"}
    assert families == behaviour | {"monetary", "rfm", "btyd", "affinity", "concentration", "repurchase"}
    assert len(CATALOGUE.names) >= 200


def test_every_entry_can_be_read():
    for feature in CATALOGUE.features:
        assert feature.unit
        assert feature.null
        assert feature.says
        assert feature.null.startswith("never null") != feature.dtype.nullable, feature.name


def test_a_name_twice_is_refused_and_named():
    with pytest.raises(UsageError) as refused:
        compose(recency(), recency())
    assert "days_since_any" in refused.value.received


def test_a_name_of_the_key_is_refused():
    with pytest.raises(UsageError, match="user_id"):
        compose([replace(next(recency()), name="user_id")])


def test_a_window_given_twice_counts_once():
    twice, once = (catalogue(timezone="UTC", windows=windows) for windows in ([Window(7)] * 2, [Window(7)]))
    assert twice.names == once.names


@pytest.mark.parametrize("kind", ["helpers", "keys"])
def test_a_helper_with_two_meanings_is_refused(kind):
    of_kind = {"helpers": Helper, "keys": Key}[kind]
    first, second = list(frequency([Window(7)]))[:2]
    features = (
        replace(first, **{kind: (of_kind("shared", pl.col("item")),)}),
        replace(second, **{kind: (of_kind("shared", pl.col("brand")),)}),
    )
    read = {"helpers": lambda: Catalogue(features).helpers("as_of"), "keys": Catalogue(features).distinct_keys}[kind]
    with pytest.raises(UsageError, match="the helper column shared two meanings"):
        read()


def test_the_schema_is_the_key_and_the_entries():
    schema = user_features_schema(CATALOGUE)
    assert list(schema.columns()) == [*PerUser.columns(), *CATALOGUE.names]
    assert schema.primary_key() == PerUser.primary_key()


def test_dense_names_are_the_numbers():
    names = dense_names(CATALOGUE)
    kinds = ("category_1", "category_2", "category_3", "brand", "colour", "price_band", "searched_category")
    words = {
        "rfm_segment",
        "last_action",
        "channel_shares",
        "due_next",
        "top_queries",
        *(f"{k}_affinity" for k in kinds),
    }
    assert set(CATALOGUE.names) - set(names) == words | {"first_seen", "last_seen"}
