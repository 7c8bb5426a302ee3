"""What an order is like: how many items, how much money, with a coupon or not; and how prices paid compare."""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.columns import Action
from userprofile.features.entries import Feature, Helper
from userprofile.features.monetary import ORDER_VALUE
from userprofile.features.vocabulary import BOUGHT, ORDER, SAME_ORDER
from userprofile.windows import ALL_HISTORY

PRICE = pl.col("price")
MEDIAN = "category_1_price_median"

# Of the purchases of one order.
ITEMS = Helper("basket_items", pl.col("quantity").fill_null(1).sum())
WITH_COUPON = Helper("basket_with_coupon", pl.col("coupon").is_not_null().any())

# Of a user's events of one category.
PRICE_PAID = Helper("price_paid", pl.when(BOUGHT).then(PRICE), at="call")
PRICES = Helper("sum_of_prices_paid", pl.col(PRICE_PAID.name).sum())
PRICED = Helper("prices_paid", pl.col(PRICE_PAID.name).count())


def baskets() -> Iterator[Feature]:
    """`basket_items_<mean|sd|max>`, `basket_value_<mean|sd|max>`, `coupon_share`, `return_rate` and
    `price_to_category_median`, of all history. The rate reads columns of `frequency`."""
    yield from _spread(ITEMS, unit="items", of="items of an order: sum of quantities, a missing one is 1")
    yield from _spread(ORDER_VALUE, unit="minor units", of="value of an order: sum of its known amounts")
    yield _coupon_share()
    yield _return_rate()
    yield _price_to_category_median()


def _spread(pair: Helper, *, unit: str, of: str) -> Iterator[Feature]:
    value = pl.col(pair.name)
    unknown = "never bought" if pair is ITEMS else "no order with a known amount"
    few = "fewer than two orders" if pair is ITEMS else "fewer than two orders with a known amount"
    for name, expr, null, says in (
        ("mean", value.mean(), unknown, "mean"),
        ("sd", value.std(), few, "standard deviation (of a sample: n - 1)"),
        ("max", value.max(), unknown, "largest"),
    ):
        yield Feature(
            f"{pair.name}_{name}",
            family="monetary",
            expr=expr,
            dtype=dy.Int64(nullable=True) if name == "max" else dy.Float64(nullable=True),
            unit=unit,
            null=null,
            says=f"{says}, over orders before as_of, of the {of}; {SAME_ORDER}",
            window=ALL_HISTORY,
            keys=(ORDER,),
            per="values",
            by=ORDER.name,
            pairs=(pair,),
        )


def _coupon_share() -> Feature:
    return Feature(
        "coupon_share",
        family="monetary",
        expr=pl.col(WITH_COUPON.name).mean(),
        dtype=dy.Float64(nullable=True),
        unit="share of orders",
        null="never bought",
        says=f"orders with a coupon on one of their purchases / orders, before as_of; {SAME_ORDER}",
        window=ALL_HISTORY,
        keys=(ORDER,),
        per="values",
        by=ORDER.name,
        pairs=(WITH_COUPON,),
    )


def _return_rate() -> Feature:
    returns, purchases = (pl.col(f"{action}_count_{ALL_HISTORY.name}") for action in (Action.RETURN, Action.PURCHASE))
    return Feature(
        "return_rate",
        family="monetary",
        expr=pl.when(purchases > 0).then(returns / purchases),
        dtype=dy.Float64(nullable=True, min=0),
        unit="returns per purchase",
        null="never bought",
        says="return events / purchase events, before as_of; above 1 where more came back than the log saw bought",
        window=ALL_HISTORY,
        per="row",
    )


def _price_to_category_median() -> Feature:
    median = pl.col(MEDIAN)
    # A category where most things are free has no price to compare with.
    comparable = pl.when(median > 0).then(pl.col(PRICED.name)).sum()
    in_medians = pl.when(median > 0).then(pl.col(PRICES.name) / median).sum()
    return Feature(
        "price_to_category_median",
        family="monetary",
        expr=pl.when(comparable > 0).then(in_medians / comparable),
        dtype=dy.Float64(nullable=True),
        unit="ratio",
        null="no purchase with a price in a category whose median is known and above 0",
        says="mean, over purchases before as_of with price and category_1, of price / median unit price that everybody "
        f"paid in the category before as_of (the population's {MEDIAN}); 1 is the middle",
        window=ALL_HISTORY,
        helpers=(PRICE_PAID,),
        per="values",
        by="category_1",
        pairs=(PRICES, PRICED),
        statistics=(MEDIAN,),
    )
