"""Bots: long sessions of views a second apart, over all the catalogue, that never buy."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.draws import running_sum
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import rows
from userprofile.demo_shop.shop import DAY, SECOND, Shop
from userprofile.demo_shop.visits import DEVICES

_SESSIONS_PER_DAY = 0.05
_VIEWS = 150


def crawl(shop: Shop, people: Population, catalogue: Catalogue, first_session: int) -> pl.DataFrame:
    """Views of all bots, each of which comes at least once; sessions are numbered from `first_session`."""
    rng = shop.stream("bots")
    bots = np.flatnonzero(people.is_bot)
    owner = np.repeat(bots, 1 + rng.poisson(_SESSIONS_PER_DAY * shop.days, len(bots)))
    begin = shop.opens + (rng.random(len(owner)) * shop.days * DAY).astype(np.int64)
    session = np.repeat(np.arange(len(owner)), rng.poisson(_VIEWS, len(owner)))
    gap = rng.uniform(0.3, 1.5, len(session))
    item = rng.integers(0, len(catalogue.leaf), len(session))
    return rows(
        "view",
        channel="web",
        user=owner[session],
        session=first_session + session,
        device=owner[session] * DEVICES,
        item=item,
        time=begin[session] + (running_sum(gap, session) * SECOND).astype(np.int64),
        dwell_seconds=gap.round(1),
        price=catalogue.price[item],
    )
