"""What follows a purchase days later: returns, reviews, complaints, contacts with the service."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.draws import Floats, Ints, chance
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import rows
from userprofile.demo_shop.shop import DAY, Shop
from userprofile.demo_shop.taxonomy import PER_DEPARTMENT
from userprofile.demo_shop.wording import complaint_texts, contact_texts, review_texts

_FASHION = 0
_REVIEW_CHANCE, _CONTACT_CHANCE = 0.15, 0.04
_WHO_AND_WHAT = ("user", "item", "order", "time")


def after(shop: Shop, purchases: pl.DataFrame, people: Population, catalogue: Catalogue) -> list[pl.DataFrame]:
    """Events outside any session. Poor quality and fraud rings bring returns and complaints."""
    item, ring = purchases["item"].to_numpy(), people.ring[purchases["user"].to_numpy()] >= 0
    quality, fashion = catalogue.quality[item], catalogue.leaf[item] // PER_DEPARTMENT == _FASHION
    return [
        _returns(purchases, chance(-2.6 - 0.8 * quality + 0.8 * fashion + 2.0 * ring), shop.stream("returns")),
        _reviews(purchases, catalogue, shop.stream("reviews")),
        _complaints(purchases, chance(-3.6 - 0.9 * quality + 2.5 * ring), catalogue, shop.stream("complaints")),
        _contacts(purchases, shop.stream("contacts")),
    ]


def _returns(purchases: pl.DataFrame, probability: Floats, rng: np.random.Generator) -> pl.DataFrame:
    back = _some_later(purchases, probability, 3, 21, rng)
    return rows("return", channel="web", **_columns(back, *_WHO_AND_WHAT, "quantity", "price"))


def _reviews(purchases: pl.DataFrame, catalogue: Catalogue, rng: np.random.Generator) -> pl.DataFrame:
    judged = _some_later(purchases, _REVIEW_CHANCE, 2, 15, rng)
    item = judged["item"].to_numpy()
    rating = _ratings(catalogue.quality[item], rng)
    text = review_texts(catalogue, item, rating, rng)
    channel = judged["channel"].to_numpy()
    return rows("review", channel=channel, **_columns(judged, *_WHO_AND_WHAT), rating=rating, text=text)


def _complaints(
    purchases: pl.DataFrame, probability: Floats, catalogue: Catalogue, rng: np.random.Generator
) -> pl.DataFrame:
    angry = _some_later(purchases, probability, 1, 10, rng)
    text = complaint_texts(catalogue, angry["item"].to_numpy(), rng)
    return rows("complaint", channel="email", **_columns(angry, *_WHO_AND_WHAT), text=text)


def _contacts(purchases: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    asking = _some_later(purchases, _CONTACT_CHANCE, 0.1, 10, rng)
    text = contact_texts(asking.height, rng)
    return rows("service_contact", channel="phone", **_columns(asking, *_WHO_AND_WHAT), text=text)


def _some_later(
    purchases: pl.DataFrame, probability: Floats | float, least: float, most: float, rng: np.random.Generator
) -> pl.DataFrame:
    """Purchases, each chosen with its probability, `time` moved on by `least` to `most` days."""
    chosen = purchases.filter(pl.Series(rng.random(purchases.height) < probability))
    waited = pl.Series(rng.uniform(least, most, chosen.height) * DAY).cast(pl.Int64)
    return chosen.with_columns(time=pl.col("time") + waited)


def _columns(frame: pl.DataFrame, *names: str) -> dict[str, pl.Series]:
    return {name: frame[name] for name in names}


def _ratings(quality: Floats, rng: np.random.Generator) -> Ints:
    return np.rint(3.6 + 0.9 * quality + 0.6 * rng.standard_normal(len(quality))).clip(1, 5).astype(np.int64)
