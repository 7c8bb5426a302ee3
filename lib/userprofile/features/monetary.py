"""How much: orders and spend. Money is in minor units of the source's currency, after discount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import dataframely as dy
import polars as pl

from userprofile.features.entries import NEVER_NULL, Feature, Helper
from userprofile.features.vocabulary import BOUGHT, ORDER, SAME_ORDER, distinct, within
from userprofile.windows import ALL_HISTORY, Window

AMOUNT, DISCOUNT = pl.col("amount"), pl.col("discount")

PLACE = Helper("place", pl.int_range(pl.len()), at="call")  # of an event among all of the call


def monetary(windows: Sequence[Window]) -> Iterator[Feature]:
    """`spend_<window>`, `orders_<window>`, `average_order_value_<window>`, `discount_share`, `last_order_amount`, and
    `spend_trend_<short>_<long>` of each finite window and the next longer one."""
    for window in windows:
        yield _spend(window)
    for window in windows:
        yield _orders(window)
    for window in windows:
        yield _average_order_value(window)
    yield _discount_share()
    yield _last_order_amount()
    for short, long in pairwise(sorted({window.days for window in windows if window.days is not None})):
        yield _spend_trend(short, long)


def spent(bought: pl.Expr) -> pl.Expr:
    """Sum of known amounts of the events that `bought` marks; null where it marks some and no amount is known."""
    unknown = bought.any() & ~(bought & AMOUNT.is_not_null()).any()
    return pl.when(~unknown).then(pl.when(bought).then(AMOUNT).sum())


# Of the purchases of one order.
ORDER_VALUE = Helper("basket_value", spent(BOUGHT))
LAST_PLACE = Helper("last_place_of_order", pl.col(PLACE.name).last())


def _spend(window: Window) -> Feature:
    return Feature(
        f"spend_{window.name}",
        family="monetary",
        expr=spent(BOUGHT & within(window)),
        dtype=dy.Int64(nullable=True),
        unit="minor units",
        null="bought, but no amount is known; none bought is 0",
        says=f"sum of the amounts of purchases {window.says}",
        window=window,
    )


def _orders(window: Window) -> Feature:
    return Feature(
        f"orders_{window.name}",
        family="monetary",
        expr=distinct(ORDER, window),
        dtype=dy.Int64(nullable=False),
        unit="orders",
        null=NEVER_NULL,
        says=f"orders with a purchase {window.says}; {SAME_ORDER}",
        window=window,
        keys=(ORDER,),
    )


def _average_order_value(window: Window) -> Feature:
    orders = pl.col(f"orders_{window.name}")
    return Feature(
        f"average_order_value_{window.name}",
        family="monetary",
        expr=pl.when(orders > 0).then(pl.col(f"spend_{window.name}") / orders),
        dtype=dy.Float64(nullable=True),
        unit="minor units per order",
        null="no order, or no amount known",
        says=f"spend_{window.name} / orders_{window.name}",
        window=window,
        per="row",
    )


def _discount_share() -> Feature:
    known = BOUGHT & AMOUNT.is_not_null() & DISCOUNT.is_not_null()
    gross = pl.when(known).then(AMOUNT + DISCOUNT).sum()
    return Feature(
        "discount_share",
        family="monetary",
        expr=pl.when(gross > 0).then(pl.when(known).then(DISCOUNT).sum() / gross),
        dtype=dy.Float64(nullable=True),
        unit="share",
        null="no purchase with amount and discount known, or all of them free",
        says="sum of discounts / sum of (amount + discount), over purchases before as_of where both are known",
        window=ALL_HISTORY,
    )


def _last_order_amount() -> Feature:
    place = pl.col(LAST_PLACE.name)
    return Feature(
        "last_order_amount",
        family="monetary",
        expr=pl.col(ORDER_VALUE.name).filter(place == place.max()).first(),
        dtype=dy.Int64(nullable=True),
        unit="minor units",
        null="never bought, or no amount of the last order is known",
        says=f"sum of the known amounts of the order of the last purchase before as_of; {SAME_ORDER}",
        window=ALL_HISTORY,
        helpers=(PLACE,),
        keys=(ORDER,),
        per="values",
        by=ORDER.name,
        pairs=(ORDER_VALUE, LAST_PLACE),
    )


def _spend_trend(short: int, long: int) -> Feature:
    in_short, in_long = (pl.col(f"spend_{days}d") for days in (short, long))
    return Feature(
        f"spend_trend_{short}d_{long}d",
        family="monetary",
        expr=pl.when(in_long > 0).then(in_short / in_long * (long / short)),
        dtype=dy.Float64(nullable=True, min=0),
        unit="ratio",
        null=f"spend_{long}d is 0, or one of the two is null",
        says=f"(spend_{short}d / {short}) / (spend_{long}d / {long}); above 1 spends more than before",
        window=Window(long),
        per="row",
    )
