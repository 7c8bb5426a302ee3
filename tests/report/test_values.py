from __future__ import annotations

import datetime as dt
import random

import polars as pl
import pytest

from userprofile.report.values import BARS, Values, values_of


def test_few_integers_have_a_bar_each_also_where_none_is():
    found = values_of(pl.Series([3, 5, 5, 7, None], dtype=pl.Int8))
    assert found == Values(0.2, lowest=3, median=5.0, highest=7, bars=(1, 0, 2, 0, 1))


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64])
def test_bars_count_what_plain_python_counts(dtype):
    rng = random.Random(1)
    values = [rng.randint(0, 1_000) for _ in range(500)]
    low, width = min(values), (max(values) - min(values)) / BARS
    expected = [0] * BARS
    for value in values:
        expected[min(int((value - low) / width), BARS - 1)] += 1
    found = values_of(pl.Series(values, dtype=dtype))
    assert list(found.bars) == expected
    assert not found.logarithmic


def test_few_large_values_make_the_scale_logarithmic():
    found = values_of(pl.Series([1.0] * 500 + [2.0] * 400 + [1e6] * 5))
    assert found.logarithmic
    assert sum(found.bars) == 905
    assert (found.bars[0], found.bars[-1]) == (900, 5)


def test_a_constant_is_one_bar_whatever_its_rounding_errors():
    assert values_of(pl.Series([2.5] * 7)).bars == (7,)
    assert values_of(pl.Series([1.0, 1.0 - 2**-53, 1.0])).bars == (3,)
    assert values_of(pl.Series([0.0, 0.0])).bars == (2,)
    assert values_of(pl.Series([2**62, 2**62 + 1])).bars == (1, 1)


def test_what_is_no_number_is_left_out_and_is_no_null():
    found = values_of(pl.Series([1.0, float("nan"), float("inf"), None]))
    assert (found.null_share, found.bars, found.highest) == (0.25, (1,), 1.0)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.String, pl.Boolean, pl.List(pl.Int32)])
def test_nothing_known_has_neither_bars_nor_words(dtype):
    assert values_of(pl.Series([None, None], dtype=dtype)) == Values(1.0)
    assert values_of(pl.Series([], dtype=dtype)) == Values(0.0)


def test_times_have_a_range():
    days = [dt.datetime(2024, 3, day, tzinfo=dt.UTC) for day in (1, 2, 31)]
    found = values_of(pl.Series(days, dtype=pl.Datetime("us", "UTC")))
    assert (found.lowest, found.highest, found.logarithmic) == (days[0], days[2], False)
    assert sum(found.bars) == 3
    assert values_of(pl.Series([day.date() for day in days])).lowest == dt.date(2024, 3, 1)


def test_words_by_the_share_of_users_who_have_them():
    found = values_of(pl.Series(["b", "a", "b", "c", "a", "d", None, "b"]))
    assert found == Values(0.125, words=(("b", 3 / 8), ("a", 2 / 8), ("c", 1 / 8)), different=4)
    assert values_of(pl.Series([True, False, True])).words == (("true", 2 / 3), ("false", 1 / 3))


def test_entries_of_lists_are_words_and_of_scored_ones_the_names():
    scored = [[{"name": "tea", "score": 0.7}, {"name": "jam", "score": 0.3}], [{"name": "tea", "score": 1.0}], []]
    assert values_of(pl.Series(scored)) == Values(0.0, words=(("tea", 2 / 3), ("jam", 1 / 3)), different=2)
    assert values_of(pl.Series([[4, 7], [7], []])).words == (("7", 2 / 3), ("4", 1 / 3))
    assert values_of(pl.Series([[], []], dtype=pl.List(pl.String))) == Values(0.0)
