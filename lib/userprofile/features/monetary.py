"""How much: orders and spend. Money is in minor units of the source's currency, after discount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dataframely as dy
import polars as pl

from userprofile.features.entries import NEVER_NULL, Feature, Helper
from userprofile.features.vocabulary import BOUGHT, ORDER, SAME_ORDER, distinct, within
from userprofile.windows import ALL_HISTORY, Window

AMOUNT, DISCOUNT = pl.col("amount"), pl.col("discount")

ORDER_KEY = Helper("order_key", ORDER.expr, at="call")


def monetary(windows: Sequence[Window]) -> Iterator[Feature]:
    """`spend_<window>`, `orders_<window>`, `average_order_value_<window>`, `discount_share`, `last_order_amount`."""
    for window in windows:
        yield _spend(window)
    for window in windows:
        yield _orders(window)
    for window in windows:
        yield _average_order_value(window)
    yield _discount_share()
    yield _last_order_amount()


def spent(bought: pl.Expr) -> pl.Expr:
    """Sum of known amounts of the events that `bought` marks; null where it marks some and no amount is known."""
    unknown = bought.any() & ~(bought & AMOUNT.is_not_null()).any()
    return pl.when(~unknown).then(pl.when(bought).then(AMOUNT).sum())


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
    order = pl.col(ORDER_KEY.name)
    amounts = AMOUNT.filter(order == order.drop_nulls().last()).drop_nulls()
    return Feature(
        "last_order_amount",
        family="monetary",
        expr=pl.when(amounts.len() > 0).then(amounts.sum()),
        dtype=dy.Int64(nullable=True),
        unit="minor units",
        null="never bought, or no amount of the last order is known",
        says=f"sum of the known amounts of the order of the last purchase before as_of; {SAME_ORDER}",
        window=ALL_HISTORY,
        helpers=(ORDER_KEY,),
    )
