"""The best that can be said of a user's next weeks by whoever knows how the shop's users are made, but not the user.

A belief about each user's rate of visits, readiness to buy and affinities after the visits so far: Bayes' rule on the
distributions that users are drawn from. It is told what a visit was about and when a user joined, which no log tells,
and a user's tastes in price, style and colour; it leaves out coupons and usual items. What it reaches is about the most
that a model of the log can. U users, L leaves, T tastes, B points of readiness, R rates; days, and visits a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from userprofile.columns import ACTION_CODE
from userprofile.demo_shop import campaigns as coupon_campaigns
from userprofile.demo_shop import population as drawn
from userprofile.demo_shop.browsing import OWN_LOOKS, STRAY
from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.checkout import CART_LOGIT, PURCHASE_LOGIT
from userprofile.demo_shop.draws import Floats, Ints, chance
from userprofile.demo_shop.pages import CLICK_LOGIT, EXAMINATION, policy
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.shop import DAY, Shop
from userprofile.demo_shop.taste import attractions, taste_of
from userprofile.demo_shop.taxonomy import DEPARTMENTS, LEAVES, PER_DEPARTMENT, follow_up
from userprofile.demo_shop.visits import DIRECT, DOORS, FOLLOW_UP, visit

# Points of a belief, within three standard deviations.
_RATES, _READINESS, _DEVIATIONS = 41, 15, 3.0
# Rounds of telling follow-ups from visits with a wish of their own; and visits to come that are told apart.
_ROUNDS, _AHEAD = 5, 4
_NEXT = follow_up(np.arange(len(LEAVES)), np.ones(len(LEAVES), np.int64))


@dataclass(frozen=True)
class Past:
    """What is known at an instant: one entry a user, or a visit before it, by user and time."""

    age: Floats  # days since the user joined, at least 0
    quiet: Floats  # days since the last sign of life, or the joining
    buying: Ints  # visits with a purchase
    user: Ints  # of each visit
    leaf: Ints  # that it was about

    @property
    def visits(self) -> Ints:
        """[U]"""
        return np.bincount(self.user, minlength=len(self.age))


@dataclass(frozen=True)
class Belief:
    """What a user does in the days after an instant."""

    nothing_bought: Floats  # [U] probability
    purchases: Floats  # [U, L] expected
    affinity: Floats  # [U, L] expected


def believe(
    shop: Shop, people: Population, catalogue: Catalogue, events: pl.DataFrame, *, day: int, days: int
) -> Belief:
    """Of the `days` from a day of the shop on, after what happened before it; `events` are history.history's."""
    past = _past(shop, people, events, shop.opens + day * DAY)
    affinity = _affinity(people, past)
    looked, clicked = (table[taste_of(people)] for table in _chances(catalogue))  # [U, L, B] each
    stray = np.einsum("ul,ulb->ub", affinity, looked)
    bought = 1 - _none(((1 - STRAY) * looked) + STRAY * stray[:, None]) * np.exp(-clicked)
    readiness = _readiness(past, np.einsum("ul,ulb->ub", _wishes(affinity, np.full(len(affinity), -1)), bought))
    rates, states = _rates(past)
    visits = days * np.einsum("r,urs->u", rates, states[..., :2])
    ahead = _wishes(affinity, _last_leaf(past), visits)
    looks = OWN_LOOKS * ((1 - STRAY) * ahead + STRAY * affinity)
    a_visit = np.einsum("ulb,ub->ul", looks[..., None] * looked + ahead[..., None] * clicked, readiness)
    chances = np.einsum("ul,ulb->ub", ahead, bought)
    return Belief(_nothing_bought(rates, states, chances, readiness, days), visits[:, None] * a_visit, affinity)


def _past(shop: Shop, people: Population, events: pl.DataFrame, instant: int) -> Past:
    visits = visit(shop, people, coupon_campaigns.plan(shop, people))
    before = visits.begin < instant
    past = events.filter(pl.col("time") < instant, ~pl.Series(people.is_bot).gather(events["user"]))
    seen = np.minimum(people.joined, instant)
    signs = past.group_by("user").agg(pl.col("time").max())
    seen[signs["user"].to_numpy()] = signs["time"].to_numpy()
    orders = past.filter(pl.col("action") == ACTION_CODE["purchase"]).select("user", "session").unique()
    return Past(
        age=np.maximum(instant - people.joined, 0) / DAY,
        quiet=(instant - seen) / DAY,
        buying=np.bincount(orders["user"].to_numpy(), minlength=shop.users),
        user=visits.user[before],
        leaf=visits.leaf[before],
    )


def _last_leaf(past: Past) -> Ints:
    """[U], -1 without a visit."""
    last = np.full(len(past.age), -1)
    last[past.user] = past.leaf
    return last


def _affinity(people: Population, past: Past) -> Floats:
    """[U, L] posterior mean of a Dirichlet over departments times one inside each, after wishes; follow-ups tell none.

    A visit to the leaf that follows the last one is a wish by as much as affinity makes it likely: some rounds of EM.
    """
    leaning = [drawn.AGE_BANDS.index(band) if band else -1 for band in people.declared["age_band"]]
    unknown = drawn.LEANING / len(DEPARTMENTS)
    shape = drawn.DEPARTMENT_SHAPE + np.vstack([drawn.LEANING * np.eye(len(DEPARTMENTS)), np.full(6, unknown)])[leaning]
    follows = (np.diff(past.user, prepend=-1) == 0) & (past.leaf == _NEXT[np.roll(past.leaf, 1)])
    weight = np.where(follows, 0.5, 1.0)
    for _ in range(_ROUNDS):
        counts = np.zeros((len(shape), len(LEAVES)))
        np.add.at(counts, (past.user, past.leaf), weight)
        inside = counts.reshape(len(shape), -1, PER_DEPARTMENT)
        departments = shape + inside.sum(axis=2)
        departments /= departments.sum(axis=1, keepdims=True)
        inside = inside + drawn.INSIDE_SHAPE
        affinity = (departments[..., None] * inside / inside.sum(axis=2, keepdims=True)).reshape(len(shape), -1)
        wished = (1 - FOLLOW_UP) * affinity[past.user, past.leaf]
        weight = np.where(follows, wished / (wished + FOLLOW_UP), 1.0)
    return affinity


def _wishes(affinity: Floats, last_leaf: Ints, visits: Floats | None = None) -> Floats:
    """[U, L] what the first visits to come are about, each as likely as it comes where so many `visits` are expected.

    Without a last leaf and `visits`: in the long run.
    """
    shares, known = affinity.copy(), last_leaf >= 0
    shares[known] = (1 - FOLLOW_UP) * affinity[known]
    shares[np.flatnonzero(known), _NEXT[last_leaf[known]]] += FOLLOW_UP
    mean, term = np.ones(len(affinity)) if visits is None else visits, np.exp(-(0 if visits is None else visits))
    total, weights, comes = np.zeros_like(affinity), np.zeros(len(affinity)), 1 - term
    for number in range(1, _AHEAD + 1):
        weight = np.ones(len(affinity)) if visits is None else comes
        total += weight[:, None] * shares
        weights += weight
        term = term * mean / number
        comes = np.maximum(comes - term, 0)
        followed = np.empty_like(shares)
        followed[:, _NEXT] = shares
        shares = (1 - FOLLOW_UP) * affinity + FOLLOW_UP * followed
    return total / np.maximum(weights, 1e-12)[:, None]


def _chances(catalogue: Catalogue) -> tuple[Floats, Floats]:
    """[T, L, B] of a purchase by a look of one's own at a leaf, and expected by clicks in a visit that is about it."""
    attraction = attractions(catalogue)  # [T, items]
    first = np.concatenate([[0], np.cumsum(catalogue.leaf_sizes)[:-1]])
    picked = np.exp(attraction) * catalogue.popularity
    picked /= np.add.reduceat(picked, first, axis=1)[:, catalogue.leaf]
    readiness = _readiness_points()
    buys = chance(CART_LOGIT + 0.5 * (attraction[..., None] + readiness)) * chance(PURCHASE_LOGIT + readiness)
    _, shown = policy(catalogue)
    clicks = (1 - DOORS[DIRECT]) * EXAMINATION.sum() * shown * chance(CLICK_LOGIT + attraction)
    looked, clicked = (np.add.reduceat(weight[..., None] * buys, first, axis=1) for weight in (picked, clicks))
    return looked, clicked


def _none(chances: Floats) -> Floats:
    """That no look of a visit leads to a purchase: looks are geometric from 1 up, of mean OWN_LOOKS."""
    return (1 - chances) / (1 + chances * (OWN_LOOKS - 1))


def _points(count: int) -> tuple[Floats, Floats]:
    """Of a standard normal distribution: points, and weights that sum to 1."""
    points = np.linspace(-_DEVIATIONS, _DEVIATIONS, count)
    weights = np.exp(-(points**2) / 2)
    return points, weights / weights.sum()


def _readiness_points() -> Floats:
    return drawn.BUYING_SPREAD * _points(_READINESS)[0]


def _readiness(past: Past, chances: Floats) -> Floats:
    """[U, B] belief, by how many visits had a purchase, each by these chances [U, B]."""
    visits = past.visits[:, None]
    buying = np.minimum(past.buying[:, None], visits)
    chances = np.clip(chances, 1e-12, 1 - 1e-12)
    likelihood: Floats = buying * np.log(chances) + (visits - buying) * np.log1p(-chances)
    return _normalised(likelihood + np.log(_points(_READINESS)[1]))


def _rates(past: Past) -> tuple[Floats, Floats]:
    """[R] rates, and [U, R, 3] belief in each with a user who never leaves, who has not left yet, and who has left."""
    points, weights = _points(_RATES)
    rates = drawn.SESSIONS_PER_DAY * np.exp(drawn.RATE_SPREAD * points - drawn.RATE_SPREAD**2 / 2)
    leaving, quiet = 1 / drawn.MEAN_LIFE_DAYS, past.quiet[:, None]
    lived = past.age[:, None] - quiet
    could = np.log(drawn.CAN_LEAVE) - leaving * lived
    gone = np.log(leaving / (leaving + rates)) + np.log(-np.expm1(-(leaving + rates) * np.maximum(quiet, 1e-9)))
    states = np.stack(
        [np.log(1 - drawn.CAN_LEAVE) - rates * quiet, could - (rates + leaving) * quiet, could + gone], -1
    )
    seen = past.visits[:, None] * np.log(rates) - rates * lived + np.log(weights)
    belief = _normalised((states + seen[..., None]).reshape(len(lived), -1))
    return rates, belief.reshape(states.shape)


def _nothing_bought(rates: Floats, states: Floats, chances: Floats, readiness: Floats, days: int) -> Floats:
    """[U] probability, over rates, states and readiness."""
    leaving, total = 1 / drawn.MEAN_LIFE_DAYS, np.zeros(len(states))
    for point in range(_READINESS):
        buying = rates * chances[:, point, None]  # [U, R] a day
        ending = leaving + buying
        stays, last = np.exp(-buying * days), np.exp(-ending * days)
        nothing = np.stack([stays, leaving / ending * (1 - last) + last, np.ones_like(stays)], axis=-1)
        total += readiness[:, point] * (states * nothing).sum(axis=(1, 2))
    return total


def _normalised(logarithms: Floats) -> Floats:
    """Rows of probabilities."""
    raised = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
