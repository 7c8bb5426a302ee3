"""What the shop shows on its own: one result page a session that came to browse or to search, and the clicks on it."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.draws import Floats, Ints, Lottery, chance
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import rows
from userprofile.demo_shop.shop import SECOND, Shop
from userprofile.demo_shop.taste import Taste
from userprofile.demo_shop.taxonomy import COLOURS
from userprofile.demo_shop.visits import DIRECT, SEARCH, Visits
from userprofile.demo_shop.wording import query_code

SLOTS = 6
EXAMINATION = np.arange(1, SLOTS + 1) ** -0.8  # the position bias: chance that a slot is looked at
_EXPLORATION = 0.2
CLICK_LOGIT = -0.4


def policy(catalogue: Catalogue) -> tuple[Lottery, Floats]:
    """The ranking policy that logs, and each item's chance: popularity inside the leaf mixed with a uniform share."""
    sizes = catalogue.leaf_sizes
    total = np.bincount(catalogue.leaf, catalogue.popularity)
    by_popularity = catalogue.popularity / total[catalogue.leaf]
    chances = (1 - _EXPLORATION) * by_popularity + _EXPLORATION / sizes[catalogue.leaf]
    return Lottery.of(chances, sizes), chances


def searches(shop: Shop, visits: Visits, people: Population) -> pl.DataFrame:
    """One search a session that came through the search door."""
    rng = shop.stream("searches")
    session = np.flatnonzero(visits.door == SEARCH)
    user = visits.user[session]
    wish = rng.choice(3, len(session), p=[0.5, 0.25, 0.25])
    modifier = np.choose(wish, [np.zeros_like(user), 1 + people.colour[user], 1 + len(COLOURS) + people.style[user]])
    query = query_code(visits.leaf[session], rng.integers(0, 2, len(session)), modifier)
    return rows("search", **visits.at(session), time=visits.begin[session], request=session, query=query)


def exposures(shop: Shop, visits: Visits, taste: Taste) -> tuple[pl.DataFrame, tuple[Ints, Ints, Ints]]:
    """Exposures, and (session, item, position) of those that were clicked.

    The slots of a page share one uniform number, shifted by equal steps: each slot alone is an exact draw from the
    policy, so `propensity` is its chance, and yet a page seldom shows an item twice.
    """
    rng = shop.stream("exposures")
    lottery, chances = policy(taste.catalogue)
    page = np.flatnonzero(visits.door != DIRECT)
    session = np.repeat(page, SLOTS)
    slot = np.tile(np.arange(SLOTS), len(page))
    item = lottery.draw(visits.leaf[session], (np.repeat(rng.random(len(page)), SLOTS) + slot / SLOTS) % 1)
    shown = rows(
        "exposure",
        **visits.at(session),
        time=visits.begin[session] + SECOND // 4,
        item=item,
        request=session,
        position=slot + 1,
        propensity=chances[item].round(6),
    )
    appeal = chance(CLICK_LOGIT + taste.attraction(visits.user[session], item))
    clicked = rng.random(len(session)) < EXAMINATION[slot] * appeal
    return shown, (session[clicked], item[clicked], slot[clicked] + 1)
