"""Statistics about the whole population, one small pass over all events for any number of as-of dates."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from userprofile.columns import ACTION_CODE, Action
from userprofile.features.population import QUANTILES, RFM_STATISTICS
from userprofile.windows import AsOf


def population_statistics(events: DataFrame, *, as_ofs: Sequence[AsOf]) -> DataFrame:
    """gold.population_statistics from UserEvents, by the definitions of features/population.py.

    Purchases move once, by user; any number of as-of dates is then counted in the same pass.
    """
    bought = events.where(F.col("action") == ACTION_CODE[Action.PURCHASE]).repartition("user_id")
    order = F.coalesce("order", F.xxhash64("event_time")).alias("order_key")
    times = bought.groupBy("user_id", order, "event_time").agg(F.sum("amount").alias("amount"))
    starts = F.col("event_time") == F.min("event_time").over(Window.partitionBy("user_id", "order_key"))
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
    known = F.col("event_time") < F.lit(as_of.instant)
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
