"""The items of the shop, as arrays of codes with one entry an item; codes are places in the tuples of taxonomy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.demo_shop.draws import Floats, Ints
from userprofile.demo_shop.shop import Shop
from userprofile.demo_shop.taxonomy import BRANDS_PER_DEPARTMENT, COLOURS, LEAVES, PER_DEPARTMENT, SHAPES, STYLES

IMAGE_VARIANTS = 8
_PRICE_SPREAD = 0.5


@dataclass(frozen=True)
class Catalogue:
    """Items in order of their leaf, so that a leaf's items lie side by side."""

    leaf: Ints
    brand: Ints  # over all departments
    colour: Ints
    shape: Ints
    style: Ints
    image: Ints  # which variant of its colour and shape's pictures
    price: Ints  # minor units
    dearness: Floats  # log of price over the leaf's typical price, in units of its spread
    popularity: Floats  # relative weight inside the leaf, > 0
    quality: Floats  # standard normal: raises ratings, lowers returns and complaints

    @property
    def leaf_sizes(self) -> Ints:
        """Number of items of each leaf."""
        return np.bincount(self.leaf, minlength=len(LEAVES))


def stock(shop: Shop) -> Catalogue:
    """A catalogue with at least one item in each leaf."""
    rng, count = shop.stream("catalogue"), shop.items
    leaf = np.sort(np.arange(count) % len(LEAVES))
    tier = rng.integers(0, BRANDS_PER_DEPARTMENT, count)
    dearness = 0.6 * (tier - (BRANDS_PER_DEPARTMENT - 1) / 2) / 1.4 + 0.8 * rng.standard_normal(count)
    typical = np.array([leaf.price for leaf in LEAVES])[leaf]
    price = np.maximum(np.rint(typical * np.exp(_PRICE_SPREAD * dearness) * 100), 50).astype(np.int64)
    return Catalogue(
        leaf=leaf,
        brand=leaf // PER_DEPARTMENT * BRANDS_PER_DEPARTMENT + tier,
        colour=rng.integers(0, len(COLOURS), count),
        shape=rng.integers(0, len(SHAPES), count),
        style=rng.integers(0, len(STYLES), count),
        image=rng.integers(0, IMAGE_VARIANTS, count),
        price=price,
        dearness=np.log(price / 100 / typical) / _PRICE_SPREAD,
        popularity=np.exp(rng.standard_normal(count)),
        quality=rng.standard_normal(count),
    )
