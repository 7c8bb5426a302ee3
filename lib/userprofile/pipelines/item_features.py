"""gold.item_features: what is known of every item, for any number of as-of dates at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl
from pyspark.sql import DataFrame

from userprofile.columns import Action
from userprofile.features.funnel import STEPS
from userprofile.features.items import (
    RATING_UNITS,
    READ,
    TREND_WINDOWS,
    WINDOWS,
    added_up,
    count_of,
    counts_per_item,
    liked_in,
)
from userprofile.features.population_counts import ITEM_ACTION_COUNT, median_of
from userprofile.pipelines.coded_log import Log
from userprofile.pipelines.user_tables import DATE
from userprofile.pipelines.written_parts import written_parts
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import ItemFeatures
from userprofile.schemas.ops import WrittenParts
from userprofile.windows import ALL_HISTORY, AsOf, Window

ITEMS = "gold.item_features"

# What may follow what, and the window in which it is counted.
RATES: dict[str, tuple[Action, Action, Window]] = {
    **{f"{step}_{window.name}": (*actions, window) for step, actions in STEPS.items() for window in WINDOWS},
    "return_rate": (Action.PURCHASE, Action.RETURN, ALL_HISTORY),
    "complaint_rate": (Action.PURCHASE, Action.COMPLAINT, ALL_HISTORY),
}


@dataclass(frozen=True)
class OfItems:
    """The function that makes rows of gold.item_features of the counts of whole items.

    `items` gives every code its item_id and category_1 (events.user_events.item_codes); `statistics` are
    gold.population_statistics of the dates. Rates are smoothed as in features/funnel.py: (k + s m) / (n + s) of n
    events and k that follow, n at most; m is their ratio over all items and all history, 1 at most, and s is
    `prior_strength`, in events.
    """

    items: pl.DataFrame
    statistics: pl.DataFrame
    prior_strength: float

    def __call__(self, counts: pl.DataFrame) -> pl.DataFrame:
        """Rows of features.items.item_counts_schema(), of parts of items -> ItemFeatures."""
        named = added_up(counts).join(self.items.select("item", "item_id", "category_1"), on="item")
        rows = named.join(self._of_all_items(), on="as_of_date", how="left")
        rows = rows.join(self._medians(), on=["as_of_date", "category_1"], how="left")
        rates = {rate: _smoothed(rate, self.prior_strength) for rate in RATES}
        ratios = {
            "popularity_trend": _trend(),
            "rating_mean": _ratio(pl.col("rating_total"), pl.col("rating_count") * RATING_UNITS),
            "price_to_category_median": pl.col("price") / pl.col("median"),
            "repeat_buyer_share": _ratio(pl.col("repeat_buyers"), pl.col(f"buyers_{ALL_HISTORY.name}")),
        }
        return rows.with_columns(**rates, **ratios).select(ItemFeatures.column_names())

    def _of_all_items(self) -> pl.DataFrame:
        """m of each rate by date; null where one of both actions is never seen: then the log does not tell of it."""
        counts = self.statistics.filter(pl.col("statistic") == ITEM_ACTION_COUNT)
        of_actions = [
            pl.col("value").filter(pl.col("key") == action).first().alias(action)
            for action in {action for start, success, _ in RATES.values() for action in (start, success)}
        ]
        ratios = {
            f"{rate}_of_all": pl.when(pl.col(success) > pl.col(start))
            .then(1.0)
            .otherwise(pl.col(success) / pl.col(start))
            for rate, (start, success, _) in RATES.items()
        }
        return counts.group_by("as_of_date").agg(of_actions).select("as_of_date", **ratios)

    def _medians(self) -> pl.DataFrame:
        medians = self.statistics.filter(pl.col("statistic") == median_of(1), pl.col("value") > 0)
        return medians.select("as_of_date", pl.col("key").cast(pl.Int32).alias("category_1"), median="value")


def item_features(log: Log, of_items: OfItems, *, as_ofs: Sequence[AsOf], root: str) -> DataFrame:
    """WrittenParts: files of gold.item_features below `root`, of all items of people."""
    counts = log.per_item(partial(counts_of_part, as_ofs=as_ofs), reads=["user_id", *READ])
    writing = partial(_written, of_items, root)
    return counts.made_of_whole(writing, schema=arrow_schema(WrittenParts))


def counts_of_part(events: pl.DataFrame, *, as_ofs: Sequence[AsOf]) -> pl.DataFrame:
    """features.items.counts_per_item of UserEvents."""
    users = events.select(pl.col("user_id").unique()).with_row_index("user")
    numbered = events.join(users, on="user_id", how="left", maintain_order="left").drop("user_id")
    return counts_per_item(numbered, as_ofs=as_ofs)


def _written(of_items: OfItems, root: str, counts: pl.DataFrame) -> pl.DataFrame:
    return written_parts(of_items(counts), ItemFeatures, root=root, table=ITEMS, partition=DATE)


def _smoothed(rate: str, strength: float) -> pl.Expr:
    start, success, window = RATES[rate]
    started, succeeded = (pl.col(count_of(action, window)) for action in (start, success))
    return (pl.min_horizontal(succeeded, started) + strength * pl.col(f"{rate}_of_all")) / (started + strength)


def _trend() -> pl.Expr:
    """Events a day of the shorter window to those of the longer."""
    short, long = TREND_WINDOWS
    return _ratio(pl.col(liked_in(short)) * long.days, pl.col(liked_in(long)) * short.days)


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """Null where the whole is 0."""
    return part / pl.when(whole != 0).then(whole)
