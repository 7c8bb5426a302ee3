"""Statistics about the whole population, for any number of as-of dates at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from userprofile.features.population import QUANTILES, RFM_STATISTICS
from userprofile.features.population_counts import (
    ACTION_SHARE,
    COUNTED,
    ITEM_ACTION_COUNT,
    BuyersValues,
    PopulationCounts,
    population_counts,
)
from userprofile.features.vocabulary import BOUGHT
from userprofile.pipelines.coded_log import Log
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf


def population_statistics(log: Log, *, as_ofs: Sequence[AsOf]) -> pl.DataFrame:
    """gold.population_statistics of the people of the log: one pass that only counts, and one over whole buyers."""
    counts = log.counts(partial(population_counts, as_ofs=as_ofs), PopulationCounts, reads=COUNTED)
    buyers = log.per_user(BuyersValues(as_ofs), bots=False, where=BOUGHT)
    return statistics_of(counts, buyers, as_ofs=as_ofs)


def statistics_of(counts: DataFrame, buyers: DataFrame, *, as_ofs: Sequence[AsOf]) -> pl.DataFrame:
    """gold.population_statistics out of PopulationCounts and the rows of BuyersValues.

    - rfm_recency_days, rfm_frequency, rfm_monetary, by quantile: see features/population.py
    - category_<level>_price_median, by code: of the unit price (amount / quantity) of purchases, in minor units
    - action_share, by action: of all events, the prior of a rate that one user's few events cannot carry
    - item_action_count, by action: events with an item, of which the prior of an item's rates is made

    What nothing is known of has no row.
    """
    added = counts.groupBy("statistic", "key", "value", "since").agg(F.sum("events").alias("events"))
    values = [_of_key(as_of).alias(f"value_{place}") for place, as_of in enumerate(as_ofs)]
    per_key = added.groupBy("statistic", "key").agg(*values)
    found = _per_date(_as_shares(per_key, as_ofs), as_ofs).unionByName(_quantiles(buyers))
    return PopulationStatistics.validate(pl.DataFrame(found.toArrow()), cast=True)


def _of_key(as_of: AsOf) -> Column:
    """The number of an action's events, or the median of a category's prices; null where the date knows none."""
    known = F.col("since") <= F.lit(as_of.date)
    events = F.sum(F.when(known, F.col("events")))
    median = F.percentile(F.when(known, F.col("value")), 0.5, F.col("events"))
    return F.when(F.col("statistic").isin(ACTION_SHARE, ITEM_ACTION_COUNT), events.cast("double")).otherwise(median)


def _as_shares(per_key: DataFrame, as_ofs: Sequence[AsOf]) -> DataFrame:
    """Numbers of events become shares of all events."""
    is_share, all_keys = F.col("statistic") == ACTION_SHARE, Window.partitionBy("statistic")
    columns = [f"value_{place}" for place in range(len(as_ofs))]
    shares = {
        name: F.when(is_share, F.col(name) / F.sum(name).over(all_keys)).otherwise(F.col(name)) for name in columns
    }
    return per_key.withColumns(shares)


def _quantiles(buyers: DataFrame) -> DataFrame:
    quantiles = buyers.groupBy("as_of_date").agg(
        *(F.percentile(name, F.lit(list(QUANTILES))).alias(name) for name in RFM_STATISTICS)
    )
    rows = [
        F.struct(F.lit(name).alias("statistic"), F.lit(str(quantile)).alias("key"), F.col(name)[place].alias("value"))
        for name in RFM_STATISTICS
        for place, quantile in enumerate(QUANTILES)
    ]
    return quantiles.select("as_of_date", F.inline(F.array(*rows))).where("value is not null")


def _per_date(values: DataFrame, as_ofs: Sequence[AsOf]) -> DataFrame:
    """`statistic`, `key` and value_0, value_1 ... to a row per date; nulls have none."""
    rows = [
        F.struct(
            F.lit(as_of.date).alias("as_of_date"),
            F.col("statistic"),
            F.col("key"),
            F.col(f"value_{place}").alias("value"),
        )
        for place, as_of in enumerate(as_ofs)
    ]
    return values.select(F.inline(F.array(*rows))).where("value is not null")
