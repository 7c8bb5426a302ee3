"""The shop of bench-features' log: its items, its users, and the words of their codes."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from userprofile.schemas.entities import SilverCodes

ITEMS, BRANDS, CHANNELS, COLOURS = 100_000, 2_000, 5, 12
CATEGORIES = {"category_1": 20, "category_2": 200, "category_3": 1_000}
OWN_CATEGORIES = 5
PRICE_EDGES = [0, *(step * 10**decade for decade in range(18) for step in (1, 2, 5))]

Integers = NDArray[np.int64]


def names() -> pl.DataFrame:
    """SilverCodes: a word for every code of the log."""
    sizes = {**CATEGORIES, "brand": BRANDS, "colour": COLOURS, "channel": CHANNELS, "price_band": len(PRICE_EDGES)}
    rows = [(kind, f"{kind} {code}", code) for kind, size in sizes.items() for code in range(1, size + 1)]
    return SilverCodes.validate(pl.DataFrame(rows, schema=["kind", "value", "code"], orient="row"), cast=True)


@lru_cache(maxsize=1)
def items() -> dict[str, NDArray[np.generic]]:
    """Columns of all items; 0 stands for null."""
    item = np.arange(ITEMS)
    third = item % CATEGORIES["category_3"]
    second, first = third // 5, third // 50
    price = np.random.default_rng(ITEMS).lognormal(7.5, 1.0, ITEMS).astype(np.int64) + 1
    return {
        "item": item + 1,
        "category_1": first + 1,
        "category_2": second + 1,
        "category_3": np.where(second % 10 == 9, 0, third + 1),
        "brand": np.where(item % 10 == 0, 0, mixed(item, item) % BRANDS + 1),
        "colour": item % (COLOURS + 1),
        "price": price,
        "price_band": np.searchsorted(PRICE_EDGES, price, side="right"),
    }


@lru_cache(maxsize=2)
def activity(users: int, seed: int) -> NDArray[np.float64]:
    """Upper bounds of the users' shares of the events, as they follow each other up to 1."""
    weights = np.random.default_rng([seed, users]).lognormal(0, 1.5, users)
    return np.cumsum(weights / weights.sum())[:-1]


@lru_cache(maxsize=2)
def user_ids(users: int) -> pl.Series:
    """As long as keyed pseudonyms."""
    return pl.Series([hashlib.sha256(b"user %d" % user).hexdigest()[:32] for user in range(users)])


def touched(user: Integers, rng: np.random.Generator) -> Integers:
    """Items, the popular ones more often; half of them from the user's own categories."""
    size, per_category = len(user), ITEMS // CATEGORIES["category_3"]
    anywhere = (ITEMS * rng.random(size) ** 3).astype(np.int64)
    category = mixed(user, rng.integers(OWN_CATEGORIES, size=size)) % CATEGORIES["category_3"]
    of_own = category + CATEGORIES["category_3"] * (per_category * rng.random(size) ** 2).astype(np.int64)
    return np.where(rng.random(size) < 0.5, of_own, anywhere)


def mixed(one: Integers, other: Integers) -> Integers:
    """A number >= 0 that looks like chance and is the same for the same two numbers."""
    mixed = one.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + other.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed ^ (mixed >> np.uint64(29))) >> np.uint64(1)).astype(np.int64)
