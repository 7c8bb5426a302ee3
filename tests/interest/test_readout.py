from __future__ import annotations

import math

import numpy as np

from userprofile.interest.readout import RIDGE, ReadOut, hits_of_rows


def test_a_read_out_is_where_the_ridge_regression_is_least(bought) -> None:
    interest = np.random.default_rng(7).normal(size=(40, 3))
    weights = ReadOut.fit(interest, bought).weights

    def loss(tried: np.ndarray) -> float:
        missing = bought - interest @ tried[:-1] - tried[-1]
        return float((missing**2).sum() + RIDGE * (tried[:-1] ** 2).sum())

    for row, column in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[row, column] = 1e-3
        assert min(loss(weights + step), loss(weights - step)) > loss(weights)


def test_without_interests_a_read_out_is_popularity(bought) -> None:
    found = ReadOut.fit(np.zeros((40, 3)), bought).scores(np.zeros((2, 3)))
    np.testing.assert_allclose(found, [bought.mean(axis=0)] * 2)


def test_hits_are_counted_among_the_first_ten() -> None:
    chance = np.random.default_rng(8)
    scores, bought = chance.random((30, 25)), chance.random((30, 25)) < 0.05
    bought[0], bought[1] = False, True
    found = hits_of_rows(bought, scores)
    for row in range(30):
        best = sorted(range(25), key=lambda column: -scores[row, column])[:10]
        hits = sum(bool(bought[row, column]) for column in best)
        if bought[row].any():
            assert found["hr@10"][row] == (hits > 0)
            assert math.isclose(found["recall@10"][row], hits / bought[row].sum())
        else:
            assert all(np.isnan(values[row]) for values in found.values())
