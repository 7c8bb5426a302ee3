"""The whole clean log: every event of every user, in order of time."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop import campaigns as coupon_campaigns
from userprofile.demo_shop.aftermath import after
from userprofile.demo_shop.bots import crawl
from userprofile.demo_shop.browsing import seen, view
from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.checkout import bought
from userprofile.demo_shop.pages import exposures, searches
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.shop import Shop
from userprofile.demo_shop.taste import Taste
from userprofile.demo_shop.visits import visit


def history(shop: Shop, people: Population, catalogue: Catalogue) -> pl.DataFrame:
    """Codes as in rows.FIELDS and `event`, 1, 2, 3 ... in order of time."""
    taste = Taste.of(people, catalogue)
    campaigns = coupon_campaigns.plan(shop, people)
    # A ring lives at one address and passes one coupon round; everyone else has their own.
    household = np.where(people.ring >= 0, shop.users + people.ring, np.arange(shop.users))
    visits = visit(shop, people, campaigns)
    shown, clicked = exposures(shop, visits, taste)
    views = view(shop, visits, people, taste, clicked)
    carts, purchases = bought(shop, visits, views, people, price=catalogue.price, household=household)
    purchases = _while_customers(purchases, people)
    parts = [
        coupon_campaigns.messages(campaigns, household),
        searches(shop, visits, people),
        shown,
        *seen(shop, visits, views, catalogue.price),
        carts,
        purchases,
        *after(shop, purchases, people, catalogue),
        crawl(shop, people, catalogue, len(visits.user)),
    ]
    kept = _while_customers(pl.concat(parts), people)
    return kept.sort("time", maintain_order=True).with_row_index("event", offset=1)


def _while_customers(events: pl.DataFrame, people: Population) -> pl.DataFrame:
    return events.filter(pl.col("time") < pl.Series(people.left).gather(events["user"]))
