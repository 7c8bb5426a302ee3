from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from userprofile.selection.bins import binned, edges, matrix


def test_numbers_of_any_type_with_nan_for_what_is_not_known():
    rows = pl.DataFrame({"a": [1, None], "b": [True, False], "c": [float("inf"), 0.5], "d": ["x", "y"]})
    expected = [[1.0, 1.0, np.nan], [np.nan, 0.0, 0.5]]
    np.testing.assert_array_equal(matrix(rows, ["a", "b", "c"]), expected)


def test_ten_bins_of_equal_size_for_different_values():
    values = np.random.default_rng(1).permutation(1000).astype(float)
    sizes = np.bincount(binned(values, edges(values)))
    assert (sizes[0], sizes[1], len(sizes)) == (0, 1, 12)  # no null, the minimum
    assert sizes[2:].tolist() == pytest.approx([100] * 10, abs=2)


def test_a_value_that_many_have_is_one_bin_and_null_another():
    values = np.array([0.0] * 95 + [1.0, 2.0, 3.0, 4.0, np.nan])
    codes = binned(values, edges(values))
    assert codes[-1] == 0
    assert len(set(codes[:95])) == 1
    assert not set(codes[95:-1]) & set(codes[:95])


def test_the_few_zeros_beside_a_value_that_nearly_all_have_are_told_apart():
    values = np.array([1.0] * 95 + [0.0] * 5)
    codes = binned(values, edges(values))
    assert not set(codes[:95]) & set(codes[95:])
