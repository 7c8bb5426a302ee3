"""gold.item_features: what is known of every item, by one shuffle of the log for any number of as-of dates."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

import polars as pl
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.columns import Action
from userprofile.features import items as of_items
from userprofile.features.funnel import STEPS
from userprofile.features.items import RATING_UNITS, TREND_WINDOWS, WINDOWS, count_of, liked_in
from userprofile.pipelines.coded_log import Log
from userprofile.schemas.gold import ItemFeatures
from userprofile.windows import ALL_HISTORY, AsOf, Window

# An instant in microseconds and a price side by side in one number: the greatest holds the latest price.
_ABOVE_ANY_PRICE = Decimal(10) ** 19

# What may follow what, and the window in which it is counted.
RATES: dict[str, tuple[Action, Action, Window]] = {
    **{f"{step}_{window.name}": (*actions, window) for step, actions in STEPS.items() for window in WINDOWS},
    "return_rate": (Action.PURCHASE, Action.RETURN, ALL_HISTORY),
    "complaint_rate": (Action.PURCHASE, Action.COMPLAINT, ALL_HISTORY),
}


def item_counts(log: Log, *, as_ofs: Sequence[AsOf]) -> DataFrame:
    """features.items.counts_per_item of all people: one row per item code and date.

    item_features reads the rows twice, so persist them.
    """
    counts = partial(counts_of_part, as_ofs=as_ofs)
    return added_up(log.per_item(counts, of_items.item_counts_schema(), reads=["user_id", *of_items.READ]))


def counts_of_part(events: pl.DataFrame, *, as_ofs: Sequence[AsOf]) -> pl.DataFrame:
    """features.items.counts_per_item of UserEvents."""
    users = events.select(pl.col("user_id").unique()).with_row_index("user")
    numbered = events.join(users, on="user_id", how="left", maintain_order="left").drop("user_id")
    return of_items.counts_per_item(numbered, as_ofs=as_ofs)


def added_up(counted: DataFrame) -> DataFrame:
    """One row per item and date out of those of its parts."""
    # By item alone, so that items need not move again to get their names.
    return counted.repartition("item").groupBy("as_of_date", "item").agg(*_added_up())


def item_features(counts: DataFrame, *, items: DataFrame, statistics: DataFrame, prior_strength: float) -> DataFrame:
    """gold.item_features out of item_counts.

    `items` gives every code its item_id and category_1 (events.user_events.item_codes); `statistics` are
    gold.population_statistics of the dates. Rates are smoothed as in features/funnel.py: (k + s m) / (n + s) of n
    events and k that follow, n at most; m is their ratio over all items and all history, 1 at most, and s is
    `prior_strength`, in events.
    """
    of_all = counts.groupBy("as_of_date").agg(*(_of_all_items(rate).alias(f"{rate}_of_all") for rate in RATES))
    medians = statistics.where("statistic = 'category_1_price_median' and value > 0").select(
        "as_of_date", F.col("key").cast("int").alias("category_1"), F.col("value").alias("median")
    )
    rows = counts.join(F.broadcast(of_all), "as_of_date").join(items.select("item", "item_id", "category_1"), "item")
    rows = rows.join(F.broadcast(medians), ["as_of_date", "category_1"], "left")
    ratios = {rate: _smoothed(rate, prior_strength) for rate in RATES} | {
        "popularity_trend": _trend(),
        "rating_mean": _ratio(F.col("rating_total") / RATING_UNITS, F.col("rating_count")),
        "price_to_category_median": F.col("price") / F.col("median"),
        "repeat_buyer_share": _ratio(F.col("repeat_buyers"), F.col(f"buyers_{ALL_HISTORY.name}")),
    }
    return rows.withColumns(ratios).select(*ItemFeatures.column_names())


def _added_up() -> list[Column]:
    priced = F.unix_micros("priced_at").cast("decimal(19,0)") * F.lit(_ABOVE_ANY_PRICE) + F.col("price")
    return [
        *(F.sum(name).alias(name) for name in of_items.summed()),
        F.max("days_since_first_event").alias("days_since_first_event"),
        F.min("days_since_last_event").alias("days_since_last_event"),
        F.pmod(F.max(priced), F.lit(_ABOVE_ANY_PRICE)).cast("bigint").alias("price"),
    ]


def _of_all_items(rate: str) -> Column:
    """Null where one of both is never seen: then the log does not tell of it."""
    start, success, _ = RATES[rate]
    started, succeeded = (F.nullif(F.sum(count_of(action, ALL_HISTORY)), F.lit(0)) for action in (start, success))
    return F.when(succeeded > started, 1.0).otherwise(succeeded / started)


def _smoothed(rate: str, strength: float) -> Column:
    start, success, window = RATES[rate]
    started, succeeded = (F.col(count_of(action, window)) for action in (start, success))
    return (F.least(succeeded, started) + strength * F.col(f"{rate}_of_all")) / (started + strength)


def _trend() -> Column:
    """Events a day of the shorter window to those of the longer."""
    short, long = TREND_WINDOWS
    return _ratio(F.col(liked_in(short)) / F.lit(short.days), F.col(liked_in(long)) / F.lit(long.days))


def _ratio(part: Column, whole: Column) -> Column:
    """Null where the whole is 0."""
    return part / F.nullif(whole, F.lit(0))
