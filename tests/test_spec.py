from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.errors import UsageError
from userprofile.numbers import DenseFeature, signed_log, skewness
from userprofile.spec import FeatureSpec, fit_spec, places_of, vocabulary_index

SPEC = FeatureSpec(
    dense=(
        DenseFeature("spend_30d", 0.1, 1 / 3, True),
        DenseFeature("days_since_purchase", -2.0, 5.0, False, (0.0, 9.0), (0.1, 1.0)),
    ),
    sequence_length=50,
    category_level=2,
    item_vocabulary=(9, 4),
    category_vocabulary=(3,),
    window_days=(1.0, 14.0),
    churn_active_days=90,
    item_buckets=3,
    channels={"brand": (5, 1), "hour": (12,)},
    heads={"purchase": (), "next_categories": (4, 2)},
)


def training_rows(**changed: Any) -> pa.Table:
    columns = {
        "split": ["train"] * 4,
        "spread": [1.0, 2.0, 3.0, None],
        "constant": [7, 7, 7, None],
        "absent": pa.array([None] * 4, pa.float64()),
        "sequence_item": [[5, 5, 8], [8, 8], [3, 0, 0, 0, 0], []],
        "sequence_category_1": [[1, 1, 2], [2, 2], [2, 0, 0, 0, 0], []],
    }
    return pa.table({**columns, **changed})


def fit(table: pa.Table, **changed: Any) -> FeatureSpec:
    settings: dict[str, Any] = {
        "dense_names": ["spread", "constant", "absent"],
        "sequence_length": 3,
        "category_level": 1,
        "item_vocabulary_size": 10,
        "window_days": (0, 14),
        "churn_active_days": 90,
    }
    return fit_spec(table, **{**settings, **changed})


def test_a_spec_survives_its_json() -> None:
    assert FeatureSpec.from_json(SPEC.to_json()) == SPEC


def test_a_spec_of_another_format_is_refused_and_says_so() -> None:
    older = json.dumps({**json.loads(SPEC.to_json()), "format_version": 0})
    with pytest.raises(UsageError, match=r"another format[\s\S]*format_version 3[\s\S]*format_version 0"):
        FeatureSpec.from_json(older)


@pytest.mark.parametrize("text", ["", "[]", '{"format_version": 3}', '{"format_version": 3, "dense": [], "more": 1}'])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        FeatureSpec.from_json(text)


def test_constant_and_absent_features_are_dropped_and_nulls_do_not_count() -> None:
    assert fit(training_rows()).dense == (DenseFeature("spread", 2.0, float(np.std([1, 2, 3])), False),)


def test_vocabularies_are_ordered_by_count_then_code_without_none_and_without_rare_codes() -> None:
    spec = fit(training_rows())
    assert spec.item_vocabulary == (8, 5)
    assert spec.category_vocabulary == (2, 1)
    assert fit(training_rows(), item_vocabulary_size=1).item_vocabulary == (8,)


def test_a_heavy_tail_is_measured_after_the_logarithm() -> None:
    values = np.exp(np.random.default_rng(3).normal(3, 2, 500))
    empty = pa.array([[]] * 500, pa.list_(pa.int32()))
    lists = dict.fromkeys(("sequence_item", "sequence_category_1"), empty)
    table = pa.table({"spend": values, **lists})
    (feature,) = fit(table, dense_names=["spend"]).dense
    assert feature.logarithm
    assert feature.mean == pytest.approx(np.log1p(values).mean())
    assert feature.scale == pytest.approx(np.log1p(values).std())


def test_skewness_of_known_samples() -> None:
    assert skewness(np.array([-1.0, 0.0, 1.0])) == 0
    assert skewness(np.random.default_rng(0).exponential(size=200_000)) == pytest.approx(2, abs=0.1)


def test_signed_log_keeps_zero_sign_and_absence() -> None:
    np.testing.assert_allclose(signed_log(np.array([-1.0, 0, 1, np.nan])), [-np.log(2), 0, np.log(2), np.nan])


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UsageError, match="visits_7d"):
        fit(training_rows(), dense_names=["visits_7d"])


def test_rows_of_another_split_are_refused() -> None:
    with pytest.raises(UsageError, match="training rows only"):
        fit(training_rows(split=["train", "train", "test", "train"]))
    with pytest.raises(UsageError, match="training rows only"):
        fit(training_rows().slice(0, 0))


def test_a_category_level_outside_the_path_is_refused() -> None:
    with pytest.raises(UsageError, match="category level"):
        fit(training_rows(), category_level=4)


@given(st.lists(st.integers(0, 12)), st.lists(st.integers(1, 12), unique=True))
def test_indices_are_those_of_a_dictionary(codes: list[int], vocabulary: list[int]) -> None:
    places = {0: 0} | {code: place + 2 for place, code in enumerate(vocabulary)}
    expected = [places.get(code, 1) for code in codes]
    assert vocabulary_index(np.array(codes, dtype=np.int32), vocabulary).tolist() == expected


@given(st.lists(st.integers(0, 12)), st.lists(st.integers(0, 12), unique=True))
def test_places_are_those_of_a_dictionary(codes: list[int], classes: list[int]) -> None:
    expected = [classes.index(code) if code in classes else -1 for code in codes]
    assert places_of(np.array(codes, dtype=np.int8), classes).tolist() == expected


def test_codes_outside_the_vocabulary_share_buckets_evenly_and_always_the_same() -> None:
    codes = np.arange(3001, dtype=np.int32)
    index = vocabulary_index(codes, (7, 2000), buckets=10)
    assert index[[0, 7, 2000]].tolist() == [0, 2, 3]
    others = np.delete(index, [0, 7, 2000])
    counts = np.bincount(others, minlength=14)
    assert counts[:4].sum() == 0
    assert len(counts) == 14
    assert counts[4:].min() > 200
    assert vocabulary_index(codes[::-1], (7, 2000), buckets=10).tolist() == index[::-1].tolist()


def test_a_channel_has_the_vocabulary_of_its_codes_in_training_rows() -> None:
    dates = pa.array([date(2026, 1, 5)] * 4)  # a Monday
    ages = [[0.5, 1.25, 7.5], [0.25, 0.26], [], None]
    brands = [[3, 3, 0], [3, 9], [], None]
    rows = training_rows(sequence_age_days=ages, sequence_brand=brands, as_of_date=dates)
    spec = fit(rows, channels=["weekday", "hour", "brand"], minimum_count=1)
    assert spec.channels == {"brand": (3, 9), "hour": (13, 19, 18), "weekday": (7, 6)}
    with pytest.raises(UsageError, match="sequence_brand"):
        fit(training_rows(as_of_date=dates), channels=["brand"])


@pytest.mark.parametrize("share_of_zeros", [0.0, 0.6])
def test_knots_rise_and_tell_the_share_of_rows_below(share_of_zeros: float) -> None:
    chance = np.random.default_rng(5)
    values = np.where(chance.random(4000) < share_of_zeros, 0, chance.exponential(9, 4000))
    lists = dict.fromkeys(("sequence_item", "sequence_category_1"), pa.array([[]] * 4000, pa.list_(pa.int32())))
    (feature,) = fit(pa.table({"spend": values, **lists}), dense_names=["spend"], quantiles=True).dense
    assert np.all(np.diff(feature.knots) > 0)
    levels = np.interp(values, feature.knots, feature.levels)
    for value in (values.min(), np.median(values), 5.0, 20.0):
        below = (values < value).mean() + (values == value).mean() / 2
        assert np.interp(value, feature.knots, feature.levels) == pytest.approx(below, abs=0.04)
    assert levels.mean() == pytest.approx(0.5, abs=0.02)


@given(st.lists(st.lists(st.integers(0, 4)), min_size=1, max_size=6))
def test_a_vocabulary_is_a_counter_most_frequent_first(lists: list[list[int]]) -> None:
    items = pa.array(lists, pa.list_(pa.int32()))
    nothing = pa.array([[]] * len(lists), pa.list_(pa.int32()))
    table = pa.table({"sequence_item": items, "sequence_category_1": nothing})
    counted = Counter(code for one in lists for code in one if code)
    expected = [code for code, count in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])) if count > 1]
    assert list(fit(table, dense_names=[]).item_vocabulary) == expected
