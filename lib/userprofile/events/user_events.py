"""Silver events in the narrow coded form in which whole users travel to a per-user function."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS
from userprofile.events.entities import category_value


def item_codes(items: DataFrame, codes: DataFrame) -> DataFrame:
    """One row per coded item: item_id, item, category_1.., brand as codes; null where an item has none."""
    of_kind = {kind: codes.where(F.col("kind") == kind).select("value", "code") for kind in _kinds()}
    coded = of_kind["item"].select(F.col("value").alias("item_id"), F.col("code").alias("item"))
    words = items.select(
        "item_id",
        F.col("brand").alias("brand_word"),
        *(category_value(level).alias(f"category_{level}_word") for level in CATEGORY_LEVELS),
    )
    coded = coded.join(words, "item_id", "left")
    for kind in _kinds()[1:]:
        named = of_kind[kind].select(F.col("value").alias(f"{kind}_word"), F.col("code").alias(kind))
        coded = coded.join(F.broadcast(named), f"{kind}_word", "left")
    return coded.select("item_id", *_kinds())


def user_events(events: DataFrame, coded_items: DataFrame) -> DataFrame:
    """Silver events in the columns of UserEvents; every event, bots' too."""
    action_code = F.create_map(*(F.lit(part) for pair in ACTION_CODE.items() for part in pair))
    return events.join(coded_items, "item_id", "left").select(
        "user_id",
        "event_time",
        "event_order",
        action_code[F.col("action")].cast("tinyint").alias("action"),
        *_kinds(),
        "quantity",
        "amount",
        "discount",
        *(F.when(F.col(name).isNotNull(), F.xxhash64(name)).alias(alias) for name, alias in _HASHED.items()),
    )


_HASHED = {"order_id": "order", "session_id": "session", "coupon_id": "coupon"}


def _kinds() -> list[str]:
    return ["item", *(f"category_{level}" for level in CATEGORY_LEVELS), "brand"]
