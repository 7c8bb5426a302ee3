"""What really is so: tables to hold features and models against, which no job reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from userprofile.demo_shop.campaigns import COUPON_SHARE, DISCOUNT_PERCENT, LASTS_DAYS, beginnings
from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.pages import EXAMINATION
from userprofile.demo_shop.population import PRICE_SENSITIVITIES, Population
from userprofile.demo_shop.shop import DAY, Shop
from userprofile.demo_shop.taxonomy import COLOURS, LEAVES, SHAPES, STYLES, follow_up
from userprofile.demo_shop.visits import FOLLOW_UP, week_weights
from userprofile.demo_shop.wording import queries
from userprofile.demo_shop.write import label

_PATH = ("department", "category", "subcategory")
_TASTES = (
    "affinity",
    "sessions_per_day",
    "price_sensitivity",
    "coupon_uplift",
    "buying_tendency",
    "loyalty",
    "favourite_style",
    "favourite_colour",
)


def write_truth(shop: Shop, people: Population, catalogue: Catalogue, folder: Path) -> None:
    """One Parquet file a table: users, items, categories, queries, fraud_rings, campaigns, positions, week."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "users": _users(shop, people),
        "items": _items(catalogue),
        "categories": _categories(),
        "queries": queries().join(_categories().select("leaf", *_PATH), on="leaf", maintain_order="left").drop("leaf"),
        "fraud_rings": _rings(people),
        "campaigns": _campaigns(shop),
        "positions": pl.DataFrame({"position": np.arange(1, len(EXAMINATION) + 1), "examination": EXAMINATION}),
        "week": pl.DataFrame({"hour_of_week": np.arange(7 * 24), "weight": week_weights()}),
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")


def _users(shop: Shop, people: Population) -> pl.DataFrame:
    """`affinity` has one weight a row of truth/categories; churn_date is the first day without events, null if none.

    `coupon_uplift` is what a coupon in hand adds to the logit of purchase given cart, and half of it to that of cart.
    A bot's tastes are null: it has none.
    """
    table = pl.DataFrame(
        {
            "user": np.arange(shop.users),
            "affinity": pl.Series(people.affinity).cast(pl.List(pl.Float64)),
            "sessions_per_day": people.sessions_per_day,
            "price_sensitivity": PRICE_SENSITIVITIES[people.price_level],
            "coupon_uplift": people.uplift,
            "buying_tendency": people.buying,
            "loyalty": people.loyalty,
            "favourite_style": pl.Series(list(STYLES)).gather(people.style),
            "favourite_colour": pl.Series(list(COLOURS)).gather(people.colour),
            "is_bot": people.is_bot,
            "ring": people.ring,
            "disputes": people.disputes,
            "joined": people.joined,
            "left": people.left,
        }
    )
    return table.select(
        label("U", "user").alias("user_id"),
        *(pl.when(~pl.col("is_bot")).then(pl.col(name)).alias(name) for name in _TASTES),
        pl.col("joined").cast(pl.Datetime("us", "UTC")).alias("joined_at"),
        pl.col("left").replace(shop.closes, None).cast(pl.Datetime("us")).dt.date().alias("churn_date"),
        "is_bot",
        _ring_id().alias("ring_id"),
        "disputes",
    )


def _items(catalogue: Catalogue) -> pl.DataFrame:
    leaf = pl.DataFrame({"item": np.arange(len(catalogue.leaf)), "leaf": catalogue.leaf})
    return leaf.join(_categories(), on="leaf", maintain_order="left").select(
        label("I", "item").alias("item_id"),
        *_PATH,
        popularity=pl.Series(catalogue.popularity),
        quality=pl.Series(catalogue.quality),
        dearness=pl.Series(catalogue.dearness),
        colour=pl.Series(list(COLOURS)).gather(catalogue.colour),
        shape=pl.Series(SHAPES).gather(catalogue.shape),
        style=pl.Series(list(STYLES)).gather(catalogue.style),
    )


def _categories() -> pl.DataFrame:
    """The leaves in the order of `affinity`; `follow_up` is where interest goes next, with that chance."""
    leaf = np.arange(len(LEAVES))
    following = follow_up(leaf, np.ones_like(leaf))
    return pl.DataFrame(
        {
            "leaf": leaf,
            **{name: [getattr(place, name) for place in LEAVES] for name in _PATH},
            "follow_up": [LEAVES[place].subcategory for place in following],
            "follow_up_chance": FOLLOW_UP,
        }
    )


def _rings(people: Population) -> pl.DataFrame:
    members = pl.DataFrame({"user": np.arange(len(people.ring)), "ring": people.ring}).filter(pl.col("ring") >= 0)
    return members.select(_ring_id().alias("ring_id"), label("U", "user").alias("user_id")).sort("ring_id", "user_id")


def _ring_id() -> pl.Expr:
    return pl.when(pl.col("ring") >= 0).then(label("F", "ring", 4))


def _campaigns(shop: Shop) -> pl.DataFrame:
    begins = pl.Series("begins", beginnings(shop), dtype=pl.Int64)
    return (
        begins.to_frame()
        .with_row_index("campaign")
        .select(
            label("M", "campaign", 2).alias("campaign_id"),
            pl.col("begins").cast(pl.Datetime("us", "UTC")).alias("begins_at"),
            (pl.col("begins") + LASTS_DAYS * DAY).cast(pl.Datetime("us", "UTC")).alias("ends_at"),
            pl.lit(COUPON_SHARE).alias("coupon_share"),
            pl.lit(DISCOUNT_PERCENT / 100).alias("discount_share"),
        )
    )
