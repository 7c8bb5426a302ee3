from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from userprofile.interest import fitting
from userprofile.interest.fitting import fit_attention, fit_least_squares
from userprofile.interest.readout import ReadOut
from userprofile.interest.vectors import Histories, interests, units
from userprofile.interest.weightings import ACTION_ROWS, AGE_BUCKETS, Attention, age_buckets


def test_least_squares_are_those_of_the_whole_system(histories, bought, vectors, monkeypatch) -> None:
    """Each user and number of a vector is an equation, each action and age an unknown."""
    monkeypatch.setattr(fitting, "USERS_AT_ONCE", 7)
    ages, category = age_buckets(histories), vectors.category[2:]
    left, right = [], []
    for user, row in enumerate(bought):
        for place in range(vectors.width):
            equation = np.zeros(ACTION_ROWS * AGE_BUCKETS)
            for event in np.flatnonzero(histories.known[user]):
                cell = histories.action[user, event] * AGE_BUCKETS + ages[user, event]
                equation[cell] += histories.vectors[user, event, place]
            left.append(equation)
            right.append(sum(category[one, place] for one in np.flatnonzero(row)) / max(row.sum(), 1))
    expected, *_ = np.linalg.lstsq(np.array(left), np.array(right), rcond=None)
    found = fit_least_squares(histories, bought, category)
    np.testing.assert_allclose(np.ravel(found.weight), expected, atol=1e-4)


def test_the_gradient_of_attention_is_that_of_its_loss(histories, bought) -> None:
    some = histories.some(slice(0, -1))
    problem = fitting._AttentionProblem(
        Histories(some.vectors.astype(np.float64), some.action, some.age_days, some.known), bought[:-1]
    )
    numbers = np.random.default_rng(9).normal(size=ACTION_ROWS + AGE_BUCKETS + 1)
    _, gradient = problem.loss_and_gradient(numbers)
    slope = approx_fprime(numbers, lambda tried: problem.loss_and_gradient(tried)[0], 1e-6)
    np.testing.assert_allclose(gradient, slope, atol=2e-6)


@pytest.fixture
def planted(batch_of, vectors) -> tuple[Histories, np.ndarray]:
    """Users who buy next what they put into the cart (action 3), and look at much else."""
    batch = batch_of(1500, 10)
    histories = Histories.of_batch(batch, vectors)
    cart = (batch["sequence_action"] == 3) & (batch["sequence_category"] > 1)
    of_users = zip(batch["sequence_category"], cart, strict=True)
    bought = np.array([np.bincount(row[of], minlength=6)[2:] > 0 for row, of in of_users])
    some = np.flatnonzero(bought.any(axis=1))
    return histories.some(some), units(bought[some].astype(np.float64))


def test_what_decides_is_found(planted, vectors) -> None:
    histories, bought = planted
    squares = np.array(fit_least_squares(histories, bought, vectors.category[2:]).weight).mean(axis=1)
    attention = fit_attention(histories, bought)
    assert squares.argmax() == np.argmax(attention.action) == 3
    assert squares[3] > 3 * np.abs(np.delete(squares, 3)).max()
    assert attention.action[3] - np.delete(attention.action, 3)[1:].max() > 1


def test_attention_tells_more_than_the_plain_mean(planted) -> None:
    histories, bought = planted
    plain = Attention([0.0] * ACTION_ROWS, [0.0] * AGE_BUCKETS, 0.0)
    missing = []
    for weighting in (plain, fit_attention(histories, bought)):
        interest = interests(histories, weighting.weights(histories))
        missing.append(((bought - ReadOut.fit(interest, bought).scores(interest)) ** 2).sum())
    assert missing[1] < 0.8 * missing[0]
