"""Statistics about the whole population, one small pass over all events for any number of as-of dates."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS, Action
from userprofile.features.population import QUANTILES, RFM_STATISTICS
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf

# The columns of UserEvents that are read of purchases, and of all events.
OF_PURCHASES = (
    "user_id", "event_time", "known_at", "action", "order", "amount", "quantity",
    *(f"category_{level}" for level in CATEGORY_LEVELS),
)  # fmt: skip
OF_ACTIONS = ("known_at", "action")


def population_statistics(events: DataFrame, actions: DataFrame, *, as_ofs: Sequence[AsOf]) -> pl.DataFrame:
    """gold.population_statistics from UserEvents: quantiles, medians and priors, all dates in the same passes.

    `actions` are the same events, of which known_at and action are read.

    - rfm_recency_days, rfm_frequency, rfm_monetary, by quantile: see `rfm_quantiles`
    - category_<level>_price_median, by code: of the unit price (amount / quantity) of purchases, in minor units
    - action_share, by action: of all events, the prior of a rate that one user's few events cannot carry
    """
    bought = events.where(_bought()).select(*OF_PURCHASES).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counted = rfm_quantiles(bought, as_ofs=as_ofs).unionByName(price_medians(bought, as_ofs=as_ofs))
        counted = counted.unionByName(action_shares(actions, as_ofs=as_ofs))
        return PopulationStatistics.validate(pl.DataFrame(counted.toArrow()), cast=True)
    finally:
        bought.unpersist()


def action_shares(events: DataFrame, *, as_ofs: Sequence[AsOf]) -> DataFrame:
    """Share of each action among the events before each date; no row for an action never seen."""
    actions = F.create_map(*(F.lit(part) for action, code in ACTION_CODE.items() for part in (code, action)))
    counts = [F.count_if(_known(as_of)).alias(f"value_{place}") for place, as_of in enumerate(as_ofs)]
    counted = events.groupBy(actions[F.col("action").cast("int")].alias("key")).agg(*counts)
    shares = {
        f"value_{place}": F.nullif(F.col(f"value_{place}"), F.lit(0))
        / F.sum(f"value_{place}").over(Window.partitionBy())
        for place in range(len(as_ofs))
    }
    return _per_date(counted.withColumns(shares).withColumn("statistic", F.lit("action_share")), as_ofs)


def price_medians(events: DataFrame, *, as_ofs: Sequence[AsOf]) -> DataFrame:
    """Median unit price of each category of each level; no row for one of which nothing priced was bought."""
    price = F.col("amount") / F.nullif(F.coalesce("quantity", F.lit(1)), F.lit(0))
    categories = [
        F.struct(
            F.lit(f"category_{level}_price_median").alias("statistic"),
            F.col(f"category_{level}").cast("string").alias("key"),
        )
        for level in CATEGORY_LEVELS
    ]
    medians = [
        F.median(F.when(_known(as_of), F.col("unit_price"))).alias(f"value_{place}")
        for place, as_of in enumerate(as_ofs)
    ]
    priced = events.where(_bought()).select("known_at", price.alias("unit_price"), F.inline(F.array(*categories)))
    return _per_date(priced.where("key is not null").groupBy("statistic", "key").agg(*medians), as_ofs)


def rfm_quantiles(events: DataFrame, *, as_ofs: Sequence[AsOf]) -> DataFrame:
    """Quantiles over buyers of recency, frequency and monetary value, by the definitions of features/population.py.

    Purchases move once, by user; any number of as-of dates is then counted in the same pass.
    """
    bought = events.where(_bought()).repartition("user_id")
    order = F.coalesce("order", F.xxhash64("event_time")).alias("order_key")
    times = bought.groupBy("user_id", order, "known_at").agg(
        F.sum("amount").alias("amount"), F.max("event_time").alias("event_time")
    )
    starts = F.col("known_at") == F.min("known_at").over(Window.partitionBy("user_id", "order_key"))
    orders = times.withColumn("starts_order", starts)
    per_user = orders.groupBy("user_id").agg(
        *(value for place, as_of in enumerate(as_ofs) for value in _values(place, as_of))
    )
    quantiles = per_user.agg(
        *(
            F.percentile(f"{name}_{place}", F.lit(list(QUANTILES))).alias(f"{name}_{place}")
            for place in range(len(as_ofs))
            for name in RFM_STATISTICS
        )
    )
    return _long(quantiles, as_ofs)


def _values(place: int, as_of: AsOf) -> list[Column]:
    """One user's recency, frequency and monetary value as of a date; null where nothing was bought before it."""
    known = _known(as_of)
    seconds = F.unix_micros(F.lit(as_of.instant)) - F.unix_micros(F.max(F.when(known, F.col("event_time"))))
    orders = F.count_if(known & F.col("starts_order"))
    values = (seconds / 86_400_000_000, F.when(orders > 0, orders), F.sum(F.when(known, F.col("amount"))))
    return [value.cast("double").alias(f"{name}_{place}") for name, value in zip(RFM_STATISTICS, values, strict=True)]


def _long(quantiles: DataFrame, as_ofs: Sequence[AsOf]) -> DataFrame:
    rows = [
        F.struct(
            F.lit(as_of.date).alias("as_of_date"),
            F.lit(name).alias("statistic"),
            F.lit(str(quantile)).alias("key"),
            F.col(f"{name}_{place}")[index].alias("value"),
        )
        for place, as_of in enumerate(as_ofs)
        for name in RFM_STATISTICS
        for index, quantile in enumerate(QUANTILES)
    ]
    return quantiles.select(F.inline(F.array(*rows))).where("value is not null")


def _bought() -> Column:
    return F.col("action") == ACTION_CODE[Action.PURCHASE]


def _known(as_of: AsOf) -> Column:
    return F.col("known_at") < F.lit(as_of.instant)


def _per_date(values: DataFrame, as_ofs: Sequence[AsOf]) -> DataFrame:
    """`statistic`, `key` and value_0, value_1 ... to a row per date; nulls have none."""
    rows = [
        F.struct(
            F.lit(as_of.date).alias("as_of_date"),
            F.col("statistic"),
            F.col("key"),
            F.col(f"value_{place}").cast("double").alias("value"),
        )
        for place, as_of in enumerate(as_ofs)
    ]
    return values.select(F.inline(F.array(*rows))).where("value is not null")
