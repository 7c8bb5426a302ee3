"""Typed events to accepted ones: repeats told from copies, and what is odd flagged but never changed."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

BROWSING = ("view", "search", "click")  # what a person does; exposures happen to a person
_FEWEST_PRICES = 20  # of a category, below which its spread says nothing
_MAD_TO_SIGMA = 0.6745  # Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), section 3.2
_ORDER_BITS = 40


def with_event_id(events: DataFrame, *, repeats_are_real: bool) -> DataFrame:
    """Adds event_order and event_id: the log's own, or the hash of the raw row and its occurrence number.

    The n-th equal row of one file is its n-th repeat; the same row in two files is one event, so that overlapping
    exports count once. MD5 for its 128 bits: among 10**10 events two share an id with probability 10**-19.
    """
    events = events.withColumn(
        "event_order", F.shiftleft(F.col("file_number").cast("long"), _ORDER_BITS) + F.col("place")
    )
    if "event_id" in events.columns:
        return events
    occurrence = F.lit(1)
    if repeats_are_real:
        equal_rows = Window.partitionBy("row_hash", "file_number").orderBy("place")
        occurrence = F.row_number().over(equal_rows)
    hashed = events.withColumn("row_hash", F.md5("raw")).repartition("row_hash")
    return hashed.withColumn("event_id", F.md5(F.concat_ws("#", "row_hash", occurrence))).drop("row_hash")


def drop_duplicates(events: DataFrame, earlier: DataFrame | None) -> DataFrame:
    """Keeps the first event of each event_id, unless `earlier` files (column event_id) brought it already."""
    first = F.row_number().over(Window.partitionBy("event_id").orderBy("event_order"))
    kept = events.withColumn("_nth", first).where("_nth = 1").drop("_nth")
    return kept if earlier is None else kept.join(earlier.select("event_id"), "event_id", "left_anti")


def with_unknown_item(events: DataFrame, catalogue: DataFrame | None) -> DataFrame:
    """Adds is_unknown_item: it names an item that the catalogue (column item_id) lacks. No catalogue, no flag."""
    if catalogue is None:
        return events.withColumn("is_unknown_item", F.lit(False))
    known = catalogue.select("item_id", F.lit(True).alias("_known"))
    flag = F.col("item_id").isNotNull() & F.col("_known").isNull()
    return events.join(known, "item_id", "left").withColumn("is_unknown_item", flag).drop("_known")


def price_spread(events: DataFrame, categories: DataFrame) -> DataFrame:
    """Per category (item_id, category: `categories`): median and median absolute deviation of the log unit price.

    Items without a category are one. A category of fewer than 20 prices, or of one price, says nothing: no row.
    """
    log_prices = (
        _with_category(events, categories).where("price > 0").select("category", F.ln("price").alias("log_price"))
    )
    median = F.percentile_approx("log_price", 0.5).alias("median")
    medians = (
        log_prices.groupBy("category")
        .agg(median, F.count("*").alias("prices"))
        .where(F.col("prices") >= _FEWEST_PRICES)
    )
    distances = log_prices.join(F.broadcast(medians), "category").withColumn(
        "distance", F.abs(F.col("log_price") - F.col("median"))
    )
    spread = distances.groupBy("category", "median").agg(F.percentile_approx("distance", 0.5).alias("deviation"))
    return spread.where("deviation > 0")


def with_price_outlier(events: DataFrame, categories: DataFrame, spread: DataFrame, *, robust_z: float) -> DataFrame:
    """Adds is_price_outlier: |0.6745 (x - median) / deviation| > robust_z, where x is the log of the unit price."""
    judged = _with_category(events, categories).join(F.broadcast(spread), "category", "left")
    score = F.abs(_MAD_TO_SIGMA * (F.ln("price") - F.col("median")) / F.col("deviation"))
    outlier = F.coalesce((F.col("price") > 0) & (score > robust_z), F.lit(False))
    return judged.withColumn("is_price_outlier", outlier).drop("category", "median", "deviation")


def bots(events: DataFrame, *, events_per_hour: int) -> DataFrame:
    """user_id of everyone who in some hour browsed more often than a person can."""
    browsing = events.where(F.col("action").isin(*BROWSING))
    hourly = browsing.groupBy("user_id", F.date_trunc("hour", "event_time")).count()
    return hourly.where(F.col("count") > events_per_hour).select("user_id").distinct()


def with_bot(events: DataFrame, bots: DataFrame) -> DataFrame:
    """Adds is_bot, on all of these events that a bot did."""
    flagged = events.join(F.broadcast(bots.withColumn("_bot", F.lit(True))), "user_id", "left")
    return flagged.withColumn("is_bot", F.coalesce("_bot", F.lit(False))).drop("_bot")


def _with_category(events: DataFrame, categories: DataFrame) -> DataFrame:
    return events.join(categories, "item_id", "left").withColumn("category", F.coalesce("category", F.lit("")))
