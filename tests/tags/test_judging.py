"""Measures of what came true, against loops over users and against a bootstrap."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import binomtest

from userprofile.tags.judging import Counts, base_rate, interval, measures, passed


def of_users(said: int, hits: int, happened: int, users: int) -> Counts:
    """Of one thing a user."""
    return Counts(said, hits, happened, said * happened / users, said, hits, hits)


def test_measures_are_those_of_the_confusion_table():
    found = {one.measure: one for one in measures(of_users(said=40, hits=30, happened=50, users=100))}
    assert found["precision"].value == 0.75
    assert found["recall"].value == 0.6
    assert found["f1"].value == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert found["lift"].value == pytest.approx(1.5)
    assert found["lift"].low == pytest.approx(found["precision"].low / 0.5)


@pytest.mark.parametrize(("said", "hits"), [(40, 30), (10, 0), (10, 10), (1, 1), (1000, 3)])
def test_with_one_thing_a_user_the_interval_is_wilsons(said, hits):
    wilson = binomtest(hits, said).proportion_ci(0.95, method="wilson")
    assert interval(of_users(said, hits, hits, 2000)) == pytest.approx((wilson.low, wilson.high), abs=1e-6)


def test_with_several_things_a_user_the_interval_is_as_wide_as_a_bootstrap_over_users():
    draw = random.Random(3)
    users = [[draw.random() < chance for _ in range(6)] for chance in (draw.choice([0.2, 0.8]) for _ in range(300))]
    sizes, hits = np.array([len(one) for one in users]), np.array([sum(one) for one in users])
    counts = Counts(sizes.sum(), hits.sum(), 900, 700, (sizes**2).sum(), (hits**2).sum(), (sizes * hits).sum())
    generator = np.random.default_rng(3)
    drawn = generator.integers(0, 300, size=(2000, 300))
    shares = hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(shares, [0.025, 0.975])
    assert interval(counts) == pytest.approx((low, high), abs=0.01)
    assert high - low > 1.3 * np.subtract(*interval(of_users(1800, int(hits.sum()), 900, 1800))[::-1])


def test_a_tag_passes_where_its_interval_lies_above_the_base_rate_and_fails_below():
    assert passed(of_users(said=40, hits=30, happened=50, users=100)) is True
    assert passed(of_users(said=40, hits=8, happened=50, users=100)) is False
    assert passed(of_users(said=4, hits=3, happened=50, users=100)) is None


def test_nothing_is_measured_of_what_was_never_said_or_never_happens():
    assert measures(of_users(said=0, hits=0, happened=50, users=100)) == []
    assert measures(of_users(said=10, hits=0, happened=0, users=100)) == []
    assert base_rate(of_users(said=0, hits=0, happened=50, users=100)) == 0.0


def test_what_never_came_true_has_an_f1_of_0():
    assert [one.value for one in measures(of_users(10, 0, 50, 100))] == [0.0, 0.0, 0.0, 0.0]
