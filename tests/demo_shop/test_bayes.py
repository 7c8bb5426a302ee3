"""What can be known of the shop's users is true on average, beats plain rules, and is of nothing that comes later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from userprofile.columns import ACTION_CODE
from userprofile.demo_shop import Shop
from userprofile.demo_shop.bayes import Belief, believe
from userprofile.demo_shop.catalogue import Catalogue, stock
from userprofile.demo_shop.history import history
from userprofile.demo_shop.population import Population, populate
from userprofile.demo_shop.shop import DAY

SHOP, TODAY, DAYS = Shop(users=4_000, days=150, seed=5, bot_share=0.0, fraud_share=0.0), 130, 14


@pytest.fixture(scope="module")
def people() -> Population:
    return populate(SHOP)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return stock(SHOP)


@pytest.fixture(scope="module")
def events(people: Population, catalogue: Catalogue) -> pl.DataFrame:
    return history(SHOP, people, catalogue)


@pytest.fixture(scope="module")
def belief(people: Population, catalogue: Catalogue, events: pl.DataFrame) -> Belief:
    return believe(SHOP, people, catalogue, events, day=TODAY, days=DAYS)


def purchases(events: pl.DataFrame, first: int, days: int) -> pl.DataFrame:
    of_days = pl.col("time").is_between(SHOP.opens + first * DAY, SHOP.opens + (first + days) * DAY, closed="left")
    return events.filter(of_days, pl.col("action") == ACTION_CODE["purchase"])


@pytest.fixture(scope="module")
def buys_nothing(events: pl.DataFrame) -> np.ndarray:
    nothing = np.ones(SHOP.users)
    nothing[purchases(events, TODAY, DAYS)["user"].unique()] = 0
    return nothing


@pytest.fixture(scope="module")
def can_leave(events: pl.DataFrame) -> np.ndarray:
    """Who bought in the 90 days before: whom the score churn is about."""
    bought = np.zeros(SHOP.users, bool)
    bought[purchases(events, TODAY - 90, 90)["user"].unique()] = True
    return bought


def test_so_many_buy_nothing_as_is_believed(belief: Belief, buys_nothing: np.ndarray, can_leave: np.ndarray) -> None:
    for lowest in np.arange(0.2, 1, 0.2):
        among = can_leave & (belief.nothing_bought >= lowest) & (belief.nothing_bought < lowest + 0.2)
        share, believed = buys_nothing[among].mean(), belief.nothing_bought[among].mean()
        assert share == pytest.approx(believed, abs=3 * np.sqrt(believed * (1 - believed) / among.sum()) + 0.02)


def test_no_plain_rule_tells_them_apart_as_well(
    events: pl.DataFrame, belief: Belief, buys_nothing: np.ndarray, can_leave: np.ndarray
) -> None:
    before = purchases(events, 0, TODAY).group_by("user").agg(pl.len(), pl.col("time").max())
    rules = np.zeros((2, SHOP.users))
    rules[:, before["user"]] = before["len"], before["time"]
    known = roc_auc_score(buys_nothing[can_leave], belief.nothing_bought[can_leave])
    for rule in rules:
        assert known > roc_auc_score(buys_nothing[can_leave], -rule[can_leave]) + 0.01


def test_expected_purchases_come_about_where_they_are_expected(
    events: pl.DataFrame, belief: Belief, catalogue: Catalogue
) -> None:
    """Users and leaves by what is expected of them, in five parts of which the same is; a quarter is left for what is
    left out: an item that is looked at twice is bought once, and coupons raise purchases.
    """
    bought = purchases(events, TODAY, DAYS)
    real = np.zeros(belief.purchases.shape)
    np.add.at(real, (bought["user"], catalogue.leaf[bought["item"]]), 1)
    order = np.argsort(belief.purchases, axis=None)
    expected = np.cumsum(belief.purchases.ravel()[order])
    parts = np.searchsorted(expected, np.arange(1, 5) / 5 * expected[-1])
    for part in np.split(real.ravel()[order], parts):
        assert part.sum() == pytest.approx(expected[-1] / 5, rel=0.25)


def test_affinity_is_closer_to_the_truth_than_anyone_without_visits_could_say(
    belief: Belief, people: Population
) -> None:
    assert belief.affinity.sum(axis=1) == pytest.approx(1)
    error = np.abs(belief.affinity - people.affinity).sum(axis=1)
    assert error.mean() < np.abs(people.affinity.mean(axis=0) - people.affinity).sum(axis=1).mean() - 0.2


def test_nothing_that_comes_later_is_seen(
    belief: Belief, people: Population, catalogue: Catalogue, events: pl.DataFrame
) -> None:
    past = events.filter(pl.col("time") < SHOP.opens + TODAY * DAY)
    fewer = believe(SHOP, people, catalogue, past, day=TODAY, days=DAYS)
    np.testing.assert_array_equal(fewer.nothing_bought, belief.nothing_bought)


def test_who_joined_today_has_no_past(people: Population, catalogue: Catalogue, events: pl.DataFrame) -> None:
    new = replace(people, joined=np.full(SHOP.users, SHOP.opens + TODAY * DAY), left=np.full(SHOP.users, SHOP.closes))
    first = believe(SHOP, new, catalogue, events.clear(), day=TODAY, days=DAYS)
    assert first.nothing_bought.std() < 0.05
    assert np.isfinite(first.purchases).all()
