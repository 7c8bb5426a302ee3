"""What the population's statistics are made of, counted where events are read: numbers that add up over any split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dataframely as dy
import polars as pl

from userprofile.columns import ACTIONS, CATEGORY_LEVELS
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.entries import Catalogue
from userprofile.features.population import RFM_STATISTICS
from userprofile.features.rfm import rfm_values
from userprofile.features.vocabulary import BOUGHT
from userprofile.schemas.entities import SilverCodes
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import ORDER, AsOf

ACTION_SHARE, ITEM_ACTION_COUNT = "action_share", "item_action_count"
COUNTED = ("known_at", "action", "item", "amount", "quantity", *(f"category_{level}" for level in CATEGORY_LEVELS))


class PopulationCounts(dy.Schema):
    """Events by what they tell of the population, and by `since`: the first of the dates that knows them. Not a table.

    Of `action_share` and, of events with an item, `item_action_count` the key is the action and the value 0. Of
    `category_<level>_price_median` the key is the code and the value the unit price of a purchase.
    """

    statistic = dy.String(nullable=False)
    key = dy.String(nullable=False)
    value = dy.Float64(nullable=False)
    since = dy.Date(nullable=False)
    events = dy.Int64(nullable=False)


def median_of(level: int) -> str:
    """The name of the statistic."""
    return f"category_{level}_price_median"


def population_counts(events: pl.DataFrame, *, as_ofs: Sequence[AsOf]) -> pl.DataFrame:
    """PopulationCounts of any events, of which the columns COUNTED are read."""
    since = pl.lit(None, dtype=pl.Date)
    for as_of in sorted(as_ofs, key=lambda one: one.instant, reverse=True):
        since = pl.when(as_of.knows()).then(pl.lit(as_of.date)).otherwise(since)
    dated = events.with_columns(since=since).drop_nulls("since")
    action = pl.col("action").replace_strict(dict(enumerate(ACTIONS)), return_dtype=pl.String)
    acts = dated.select("since", "item", statistic=pl.lit(ACTION_SHARE), key=action, value=pl.lit(0.0))
    of_items = acts.drop_nulls("item").with_columns(statistic=pl.lit(ITEM_ACTION_COUNT))
    price = pl.col("amount") / pl.when(pl.col("quantity").is_null()).then(1).otherwise(pl.col("quantity"))
    priced = dated.filter(BOUGHT, pl.col("quantity").ne_missing(0)).with_columns(value=price).drop_nulls("value")
    prices = [
        priced.select("since", statistic=pl.lit(median_of(level)), key=pl.col(f"category_{level}"), value="value")
        for level in CATEGORY_LEVELS
    ]
    counted = [_counted(acts), _counted(of_items), *(_counted(rows.drop_nulls("key")) for rows in prices)]
    return PopulationCounts.cast(pl.concat(counted))


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    counts = rows.group_by("since", "statistic", "key", "value").agg(events=pl.len())
    return counts.with_columns(pl.col("key").cast(pl.String))


@dataclass(frozen=True)
class BuyersValues:
    """The function of whole users that makes the values whose quantiles score marketing RFM."""

    as_ofs: Sequence[AsOf]

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of purchases -> a row per user and date: the values of features/rfm.py."""
        nothing = {"statistics": PopulationStatistics.create_empty(), "names": SilverCodes.create_empty()}
        rows = features_per_user(events, as_ofs=self.as_ofs, catalogue=self._values(), **nothing)
        return rows.select("as_of_date", *RFM_STATISTICS)

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return {*ORDER, "known_at"} | self._values().reads()

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        values: dict[str, dy.Column] = {name: dy.Float64(nullable=True) for name in RFM_STATISTICS}
        return type("BuyersValues", (dy.Schema,), {"as_of_date": dy.Date(nullable=False), **values})

    @staticmethod
    def _values() -> Catalogue:
        return compose(rfm_values())
