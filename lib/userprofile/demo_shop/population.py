"""The users of the shop: what they declare, and the truth about them that nobody declares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from userprofile.demo_shop.draws import Flags, Floats, Ints
from userprofile.demo_shop.shop import DAY, Shop
from userprofile.demo_shop.taxonomy import COLOURS, DEPARTMENTS, LEAVES, PER_DEPARTMENT, STYLES

AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
GENDERS = ("female", "male", "other")
REGIONS = ("north", "east", "south", "west", "centre")
OCCUPATIONS = ("student", "employee", "self-employed", "manager", "retired", "other")
INCOMES = ("low", "lower middle", "upper middle", "high")
CONSENTS = {"profiling": 0.95, "personalisation": 0.85, "marketing": 0.75}

PRICE_SENSITIVITIES = np.array([0.0, 0.4, 0.8, 1.2, 1.6])  # few levels, so that draws of items can be tabulated
UPLIFTS = np.array([0.0, 0.8, 1.6, -0.5])  # on the logit of purchase; some are put off by coupons
UPLIFT_SHARES = (0.35, 0.3, 0.25, 0.1)
RING_SIZE = 5
SESSIONS_PER_DAY = 0.068  # mean over users; the spread below makes it heavy-tailed
RATE_SPREAD = 1.0  # standard deviation of the log rate
MEAN_LIFE_DAYS = 150  # of those who can leave
CAN_LEAVE = 0.6  # share of users
BUYING_SPREAD = 0.7  # of readiness to buy, a logit around 0
# Of the Dirichlet distributions over departments, where an age band adds to one, and over the leaves of each.
DEPARTMENT_SHAPE, LEANING, INSIDE_SHAPE = 0.25, 0.6, 0.35
_UNDECLARED = 0.15


@dataclass(frozen=True)
class Population:
    """One entry a user. Bots have entries too, which their behaviour ignores."""

    declared: pl.DataFrame
    affinity: Floats  # [users, leaves], rows sum to 1
    sessions_per_day: Floats  # while a customer
    joined: Ints  # microseconds since 1970
    left: Ints  # microseconds since 1970, a midnight; the end of the log for those who stay
    price_level: Ints  # place in PRICE_SENSITIVITIES
    style: Ints
    colour: Ints
    uplift: Floats  # logit added by a coupon in hand
    buying: Floats  # logit of the user's own readiness to buy
    loyalty: Floats  # chance that a look is at the user's usual item of the leaf
    usual: Floats  # [users, leaves]: the uniform number that names the usual item
    is_bot: Flags
    ring: Ints  # -1: in no fraud ring
    disputes: Flags


def populate(shop: Shop) -> Population:
    """Draw all users."""
    rng, count = shop.stream("population"), shop.users
    age = rng.integers(0, len(AGE_BANDS), count)
    income = rng.integers(0, len(INCOMES), count)
    is_bot, ring = _outlaws(shop, rng)
    joined, left = _lifetimes(shop, rng, is_bot)
    level = rng.binomial(len(PRICE_SENSITIVITIES) - 1, 0.8 - 0.2 * income)
    return Population(
        declared=_declarations(rng, age, income),
        affinity=_affinities(rng, age),
        sessions_per_day=SESSIONS_PER_DAY * np.exp(rng.normal(-(RATE_SPREAD**2) / 2, RATE_SPREAD, count)),
        joined=joined,
        left=left,
        price_level=np.where(ring >= 0, 0, level),
        style=rng.integers(0, len(STYLES), count),
        colour=rng.integers(0, len(COLOURS), count),
        uplift=UPLIFTS[rng.choice(len(UPLIFTS), count, p=UPLIFT_SHARES)],
        buying=rng.normal(0, BUYING_SPREAD, count) + (ring >= 0),
        loyalty=rng.beta(1, 2, count),
        usual=rng.random((count, len(LEAVES))),
        is_bot=is_bot,
        ring=ring,
        disputes=~is_bot & (shop.stream("disputers").random(count) < shop.dispute_share),
    )


def _affinities(rng: np.random.Generator, age: Ints) -> Floats:
    """Dirichlet over departments, each age band leaning to one of its own, times Dirichlet inside the department."""
    shape = DEPARTMENT_SHAPE + LEANING * (np.arange(len(DEPARTMENTS)) == age[:, None] % len(DEPARTMENTS))
    department = rng.standard_gamma(shape)
    inside = rng.standard_gamma(INSIDE_SHAPE, (len(age), len(DEPARTMENTS), PER_DEPARTMENT))
    inside /= inside.sum(axis=2, keepdims=True)
    return ((department / department.sum(axis=1, keepdims=True))[:, :, None] * inside).reshape(len(age), -1)


def _lifetimes(shop: Shop, rng: np.random.Generator, is_bot: Flags) -> tuple[Ints, Ints]:
    """Half are customers from the start, the rest join later; 60 % can leave, after an exponential time."""
    old = (rng.random(shop.users) < 0.5) | is_bot
    joined = np.where(old, 0, rng.random(shop.users) * shop.days * 0.7)
    life = np.where(rng.random(shop.users) < CAN_LEAVE, rng.exponential(MEAN_LIFE_DAYS, shop.users), np.inf)
    last_day = np.ceil(joined + np.where(is_bot, np.inf, life))
    left = np.minimum(np.maximum(last_day, np.floor(joined) + 1), shop.days)
    return shop.opens + (joined * DAY).astype(np.int64), shop.opens + left.astype(np.int64) * DAY


def _outlaws(shop: Shop, rng: np.random.Generator) -> tuple[Flags, Ints]:
    order = rng.permutation(shop.users)
    bots, members = round(shop.bot_share * shop.users), round(shop.fraud_share * shop.users)
    members = members if members >= 2 else 0  # nobody is a ring alone
    is_bot, ring = np.zeros(shop.users, bool), np.full(shop.users, -1)
    is_bot[order[:bots]] = True
    rings = max(members // RING_SIZE, 1)
    ring[order[bots : bots + members]] = np.minimum(np.arange(members) // RING_SIZE, rings - 1)
    return is_bot, ring


def _declarations(rng: np.random.Generator, age: Ints, income: Ints) -> pl.DataFrame:
    count = len(age)
    codes = {
        "age_band": (AGE_BANDS, age),
        "gender": (GENDERS, rng.choice(3, count, p=[0.5, 0.47, 0.03])),
        "region": (REGIONS, rng.integers(0, len(REGIONS), count)),
        "occupation": (OCCUPATIONS, rng.integers(0, len(OCCUPATIONS), count)),
        "income": (INCOMES, income),
    }
    silent = {name: rng.random(count) < _UNDECLARED for name in codes}
    words = {name: pl.Series(words).gather(code) for name, (words, code) in codes.items()}
    consents = {purpose: rng.random(count) < share for purpose, share in CONSENTS.items()}
    return pl.DataFrame({**words, **consents}).with_columns(
        pl.when(~pl.Series(silent[name])).then(pl.col(name)).alias(name) for name in codes
    )
