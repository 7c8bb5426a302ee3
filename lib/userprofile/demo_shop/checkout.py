"""The end of the funnel inside a session: carts and the order."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop.browsing import Views, microseconds
from userprofile.demo_shop.campaigns import DISCOUNT_PERCENT
from userprofile.demo_shop.draws import Flags, Ints, chance
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import absent, rows
from userprofile.demo_shop.shop import Shop
from userprofile.demo_shop.visits import Visits

CART_LOGIT = -1.5
PURCHASE_LOGIT = -0.1


def bought(
    shop: Shop, visits: Visits, views: Views, people: Population, *, price: Ints, household: Ints
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Carts and purchases; what a session buys is one order, paid at one time, with the coupon in hand if any.

    `household` is who lives at a user's address and is named on a user's coupons.
    """
    rng = shop.stream("purchases")
    user = visits.user[views.session]
    push = people.buying[user] + np.where(visits.campaign[views.session] >= 0, people.uplift[user], 0)
    carted = rng.random(len(user)) < chance(CART_LOGIT + 0.5 * views.attraction + 0.5 * push)
    carted[carted] = _first_of_its_item(views.session[carted], views.item[carted])
    taken = carted & (rng.random(len(user)) < chance(PURCHASE_LOGIT + push))
    quantity = rng.geometric(0.8, len(user)).clip(max=9)
    last = np.searchsorted(views.session, np.arange(len(visits.user)), side="right") - 1  # every session has a view
    paid = views.time[last] + microseconds(views.dwell[last] + rng.uniform(20, 90, len(last)))
    session, item = views.session[carted], views.item[carted]
    carts = rows(
        "cart",
        **visits.at(session),
        item=item,
        time=views.time[carted] + microseconds(views.dwell[carted] * 0.8),
        quantity=quantity[carted],
        price=price[item],
    )
    return carts, _orders(visits, views.session[taken], views.item[taken], quantity[taken], paid, price, household)


def _orders(
    visits: Visits, session: Ints, item: Ints, quantity: Ints, paid: Ints, price: Ints, household: Ints
) -> pl.DataFrame:
    campaign, home = visits.campaign[session], household[visits.user[session]]
    reduced = campaign >= 0
    return rows(
        "purchase",
        **visits.at(session),
        item=item,
        time=paid[session],
        order=session,
        quantity=quantity,
        price=price[item],
        discount=np.where(reduced, price[item] * quantity * DISCOUNT_PERCENT // 100, 0),
        address=home,
        campaign=absent(campaign),
        coupon=absent(np.where(reduced, home, -1)),
    )


def _first_of_its_item(session: Ints, item: Ints) -> Flags:
    order = np.lexsort((item, session))
    same = (np.diff(session[order], prepend=-1) == 0) & (np.diff(item[order], prepend=-1) == 0)
    first = np.empty(len(order), bool)
    first[order] = ~same
    return first
