"""What users look at inside a session: clicks, views, favourites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from userprofile.demo_shop.draws import Floats, Ints, chance, running_sum
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import absent, rows
from userprofile.demo_shop.shop import SECOND, Shop
from userprofile.demo_shop.taste import Taste
from userprofile.demo_shop.visits import Visits, draw_leaf

OWN_LOOKS = 2.6  # mean of views in a session beyond those that clicks led to
STRAY = 0.15  # share of looks outside the leaf the session is about
_FAVOURITE_LOGIT = -3.0


@dataclass(frozen=True)
class Views:
    """Looks at items in order of session and time; `position` is 0 where no click led there."""

    session: Ints
    item: Ints
    position: Ints
    time: Ints
    dwell: Floats  # seconds
    attraction: Floats


def view(shop: Shop, visits: Visits, people: Population, taste: Taste, clicked: tuple[Ints, Ints, Ints]) -> Views:
    """Clicked items first, then the user's own looks."""
    rng = shop.stream("views")
    own = np.repeat(np.arange(len(visits.user)), rng.geometric(1 / OWN_LOOKS, len(visits.user)))
    session = np.concatenate([clicked[0], own])
    item = np.concatenate([clicked[1], _own_looks(visits, people, taste, own, rng)])
    position = np.concatenate([clicked[2], np.zeros_like(own)])
    order = np.lexsort((np.where(position, position, 99), session))
    session, item, position = session[order], item[order], position[order]
    attraction = taste.attraction(visits.user[session], item)
    dwell = (2 + rng.exponential(30, len(session)) * np.exp(0.25 * attraction)).clip(max=1800).round(1)
    pause = 2 + rng.exponential(6, len(session))
    waited = 3 + running_sum(dwell + pause, session)
    return Views(session, item, position, visits.begin[session] + microseconds(waited), dwell, attraction)


def _own_looks(visits: Visits, people: Population, taste: Taste, session: Ints, rng: np.random.Generator) -> Ints:
    user = visits.user[session]
    stray = rng.random(len(session)) < STRAY
    leaf = np.where(stray, draw_leaf(people, user, rng), visits.leaf[session])
    usual = rng.random(len(session)) < people.loyalty[user]
    return taste.pick(user, leaf, np.where(usual, people.usual[user, leaf], rng.random(len(session))))


def seen(shop: Shop, visits: Visits, views: Views, price: Ints) -> list[pl.DataFrame]:
    """Clicks, views and favourites."""
    rng = shop.stream("favourites")
    click = np.flatnonzero(views.position)
    liked = np.flatnonzero(rng.random(len(views.item)) < chance(_FAVOURITE_LOGIT + 0.6 * views.attraction))
    request = np.where(views.position > 0, views.session, -1)
    return [
        rows(
            "click",
            **visits.at(views.session[click]),
            item=views.item[click],
            time=views.time[click] - microseconds(rng.uniform(0.2, 0.8, len(click))),
            request=views.session[click],
            position=views.position[click],
        ),
        rows(
            "view",
            **visits.at(views.session),
            item=views.item,
            time=views.time,
            request=absent(request),
            dwell_seconds=views.dwell,
            price=price[views.item],
        ),
        rows(
            "favourite",
            **visits.at(views.session[liked]),
            item=views.item[liked],
            time=views.time[liked] + microseconds(views.dwell[liked] * 0.6),
            price=price[views.item[liked]],
        ),
    ]


def microseconds(seconds: Floats) -> Ints:
    """Seconds as whole microseconds."""
    return (seconds * SECOND).astype(np.int64)
