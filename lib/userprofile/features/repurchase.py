"""When a category is bought again: its cycle, and which categories are due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import dataframely as dy
import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.errors import UsageError
from userprofile.features.entries import Feature, Helper, Key
from userprofile.features.vocabulary import AGE_DAYS, BOUGHT, ORDER, SAME_ORDER
from userprofile.schemas.gold import scored
from userprofile.windows import ALL_HISTORY

FEWEST_ORDERS = 3  # two have one gap, which is no cycle yet
DUE_FROM, DUE_UNTIL = 0.5, 2.0  # in cycles since the last purchase: earlier is not due, later has lapsed

FIRST_BOUGHT = Helper("first_bought_age", pl.when(BOUGHT).then(AGE_DAYS).max())
LAST_BOUGHT = Helper("last_bought_age", pl.when(BOUGHT).then(AGE_DAYS).min())


def repurchase(*, level: int = 2, top: int = 5) -> Iterator[Feature]:
    """`repurchase_cycle_days_min`, `repurchase_cycle_days_mean`, `due_next`, over categories of the level."""
    if level not in CATEGORY_LEVELS or top < 1:
        raise UsageError(
            "repurchases need a category level and a length",
            expected=f"level among {', '.join(map(str, CATEGORY_LEVELS))}, top >= 1",
            received=f"level {level}, top {top}",
        )
    category = f"category_{level}"
    # Only good for equality: an order of one category is one value.
    order = Key(f"{category}_order", pl.when(BOUGHT).then(pl.struct(category, ORDER.expr.alias("order")).hash()))
    yield _cycle("min", category, order)
    yield _cycle("mean", category, order)
    yield _due_next(category, order, top)


def _cycle_days(order: Key) -> tuple[Helper, pl.Expr]:
    """How many orders a category has, and the mean time between them; null for too few, or all at one instant."""
    orders = Helper("orders", pl.col(f"is_last_of_{order.name}").sum())
    span = pl.col(FIRST_BOUGHT.name) - pl.col(LAST_BOUGHT.name)
    has_cycle = (pl.col(orders.name) >= FEWEST_ORDERS) & (span > 0)
    return orders, pl.when(has_cycle).then(span / (pl.col(orders.name).cast(pl.Int64) - 1))


def _cycle(statistic: Literal["min", "mean"], category: str, order: Key) -> Feature:
    orders, cycle = _cycle_days(order)
    return Feature(
        f"repurchase_cycle_days_{statistic}",
        family="repurchase",
        expr=cycle.min() if statistic == "min" else cycle.mean(),
        dtype=dy.Float64(nullable=True, min=0),
        unit="days",
        null=f"no {category} with a cycle: {FEWEST_ORDERS} orders or more, not all at one instant",
        says=f"{statistic} of the cycles of the user's values of {category}: (last - first purchase) / (orders - 1), "
        f"before as_of; {SAME_ORDER}",
        window=ALL_HISTORY,
        keys=(order,),
        per="values",
        by=category,
        pairs=(orders, FIRST_BOUGHT, LAST_BOUGHT),
    )


def _due_next(category: str, order: Key, top: int) -> Feature:
    orders, cycle = _cycle_days(order)
    cycles_passed = pl.col(LAST_BOUGHT.name) / cycle
    return Feature(
        "due_next",
        family="repurchase",
        expr=pl.when(cycles_passed.is_between(DUE_FROM, DUE_UNTIL)).then(cycles_passed),
        dtype=scored(),
        unit="cycles since the last purchase: 1 is due today, more is overdue",
        null=f"never null: empty where no {category} is due",
        says=f"per {category} with {FEWEST_ORDERS} orders or more: time from its last purchase to as_of / its "
        f"repurchase cycle; only from {DUE_FROM:g} (not due before) to {DUE_UNTIL:g} (lapsed after); the {top} "
        f"highest, ties by code; {SAME_ORDER}",
        window=ALL_HISTORY,
        keys=(order,),
        per="ranking",
        by=category,
        pairs=(orders, FIRST_BOUGHT, LAST_BOUGHT),
        top=top,
        shares=False,
    )
