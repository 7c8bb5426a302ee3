from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from userprofile.model.embeddings import AgeEncoding, DenseNormalisation, EventEmbedding, QuantileNormalisation


def test_an_age_is_its_logarithm_and_its_decays() -> None:
    ages = [0.0, 1.0, 7.0, 365.0]
    encoded = np.asarray(AgeEncoding()(np.array([ages], np.float32)))[0]
    for age, numbers in zip(ages, encoded, strict=True):
        expected = [math.log(1 + age) / math.log(366), *(0.5 ** (age / half_life) for half_life in (7, 30, 90))]
        np.testing.assert_allclose(numbers, expected, rtol=1e-5)


def test_an_event_is_its_embeddings_and_its_age_and_padding_is_zero() -> None:
    layer = EventEmbedding(rows=[5, 4, 3], widths=[3, 2, 1])
    item, category, action = np.array([[4, 1]]), np.array([[2, 3]]), np.array([[1, 2]])
    age, present = np.array([[2.0, 9.0]], np.float32), np.array([[True, False]])
    vectors = np.asarray(layer([item, category, action], age, present))
    tables = [np.asarray(table.embeddings) for table in layer.tables]
    expected = np.concatenate([tables[0][4], tables[1][2], tables[2][1], np.asarray(AgeEncoding()(age))[0, 0]])
    np.testing.assert_allclose(vectors[0, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(vectors[0, 1], 0)


def test_dense_values_are_standardised_one_by_one_with_their_mask() -> None:
    rows = [[3.0, 0.0], [5.0, -20.0], [math.nan, 1e30], [math.inf, math.nan]]
    made = np.asarray(DenseNormalisation([3.0, 5.0], [2.0, 1.5], [False, True])(np.array(rows, np.float32)))
    for (plain, logged), result in zip(rows, made, strict=True):
        expected = [0.0, 0.0, 0.0, 0.0]
        if math.isfinite(plain):
            expected[0], expected[2] = (plain - 3) / 2, 1
        if math.isfinite(logged):
            logarithm = math.copysign(math.log(1 + abs(logged)), logged)
            expected[1], expected[3] = min(max((logarithm - 5) / 1.5, -8), 8), 1
        assert result.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_value_becomes_the_normal_one_at_its_place_among_knots() -> None:
    knots, levels = [[0.0, 2.0, 10.0], [-5.0, 5.0]], [[0.2, 0.5, 1.0], [0.0, 1.0]]
    rows = [[2.0, 0.0], [6.0, -7.0], [-1.0, math.nan], [math.inf, 4.0], [99.0, 2.5]]
    made = np.asarray(QuantileNormalisation(knots, levels)(np.array(rows, np.float32)))
    for row, result in zip(rows, made, strict=True):
        for place, value in enumerate(row):
            level = np.interp(value, knots[place], levels[place])
            expected = norm.ppf(np.clip(level, norm.cdf(-3), norm.cdf(3))) if math.isfinite(value) else 0.0
            assert result[place] == pytest.approx(expected, abs=2e-4)
            assert result[2 + place] == math.isfinite(value)
    assert made[0].tolist() == pytest.approx([0, 0, 1, 1])
