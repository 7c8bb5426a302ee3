"""Silver events in the narrow coded form in which whole users travel to a per-user function."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS
from userprofile.events.entities import category_value
from userprofile.events.price_bands import price_band


def item_codes(items: DataFrame, codes: DataFrame, *, attributes: Sequence[str] = ()) -> DataFrame:
    """One row per coded item: item_id, item, category_1.., brand, colour, attribute_<name> as codes; null where none.

    Of an attribute that an item has twice the first value counts.
    """
    words = {f"category_{level}": category_value(level) for level in CATEGORY_LEVELS}
    words |= {"brand": F.col("brand"), "colour": F.col("colour")}
    words |= {f"attribute_{name}": _attribute(name) for name in attributes}
    coded = _codes_of(codes, "item").select(F.col("value").alias("item_id"), F.col("code").alias("item"))
    worded = items.select("item_id", *(word.alias(f"{kind}_word") for kind, word in words.items()))
    coded = coded.join(worded, "item_id", "left")
    for kind in words:
        coded = coded.join(F.broadcast(_named(codes, kind)), f"{kind}_word", "left")
    return coded.select("item_id", "item", *words)


def user_events(
    events: DataFrame, coded_items: DataFrame, codes: DataFrame, *, arrival_lag: timedelta = timedelta(0)
) -> DataFrame:
    """Silver events in the columns of UserEvents and the attributes of `coded_items`; every event, bots' too.

    `known_at` joins two clocks: event_time < as_of and arrived_at < as_of + arrival_lag exactly where known_at < as_of.
    A log without arrival times was known as it happened.
    """
    channels = F.broadcast(_named(codes, "channel"))
    coded = events.withColumnRenamed("channel", "channel_word").join(channels, "channel_word", "left")
    return coded.join(coded_items, "item_id", "left").select(
        "user_id",
        "event_time",
        _known_at(arrival_lag),
        "event_order",
        _action_code(),
        *(name for name in coded_items.columns if name != "item_id"),
        "quantity",
        "price",
        price_band(F.col("price")).alias("price_band"),
        "amount",
        "discount",
        *(F.when(F.col(name).isNotNull(), F.xxhash64(name)).alias(alias) for name, alias in _HASHED.items()),
        "channel",
        F.lower(F.trim(F.regexp_replace("query", r"\s+", " "))).alias("query"),
        "rating",
        "sentiment",
        "dwell_seconds",
    )


def actions(events: DataFrame, *, arrival_lag: timedelta = timedelta(0)) -> DataFrame:
    """The columns known_at and action of user_events alone, which need no item and no code."""
    return events.select(_known_at(arrival_lag), _action_code())


_HASHED = {"order_id": "order", "session_id": "session", "coupon_id": "coupon", "device_id": "device"}


def _known_at(arrival_lag: timedelta) -> Column:
    return F.greatest("event_time", F.col("arrived_at") - F.lit(arrival_lag)).alias("known_at")


def _action_code() -> Column:
    codes = F.create_map(*(F.lit(part) for pair in ACTION_CODE.items() for part in pair))
    return codes[F.col("action")].cast("tinyint").alias("action")


def _attribute(name: str) -> Column:
    return F.try_element_at(F.filter("attributes", lambda one: one["name"] == name), F.lit(1))["value"]


def _codes_of(codes: DataFrame, kind: str) -> DataFrame:
    return codes.where(F.col("kind") == kind).select("value", "code")


def _named(codes: DataFrame, kind: str) -> DataFrame:
    return _codes_of(codes, kind).select(F.col("value").alias(f"{kind}_word"), F.col("code").alias(kind))
