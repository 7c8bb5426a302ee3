"""What users did in the label window after an as-of date: the outcomes that tags may foretell (tags/outcomes.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.columns import Action
from userprofile.windows import AsOf, LabelWindow

SEPARATOR = " / "
WEEK = timedelta(days=7)
DAYS_BEFORE = 90  # of "more than before"
NEW_LEVEL = 2  # of categories that can be new to a user


@dataclass(frozen=True)
class Later:
    """What is looked at: silver.events with silver.items beside them, and from when to when."""

    events: DataFrame
    items: DataFrame
    as_of: AsOf
    window: LabelWindow
    timezone: str

    @property
    def start(self) -> datetime:
        return self.window.start(self.as_of)

    @property
    def during(self) -> DataFrame:
        """Events of the window alone."""
        time = F.col("event_time")
        return self.events.where((time >= F.lit(self.start)) & (time < F.lit(self.window.end(self.as_of))))


def outcomes(users: DataFrame, later: Later, bought_it: DataFrame) -> DataFrame:
    """A row per user of `users` (`user_id`, `spend_90d`): a condition per outcome, under its name; null is unknown.

    `bought_it` are purchases of the same.

    Those about a value are in `bought`. Medians are of who bought in the window.
    """
    done = later.during.groupBy("user_id").agg(*_figures(later))
    new = _new_categories(bought_it)
    rows = users.join(done, "user_id", "left").join(new, "user_id", "left")
    medians = done.where("purchases > 0").agg(
        *(F.median(name).alias(f"median_{name}") for name in ("spend", "basket", "discounts"))
    )
    return rows.crossJoin(F.broadcast(medians)).select("user_id", *_conditions(later))


def purchases(later: Later) -> DataFrame:
    """Of the whole log up to the end of the window: who bought what, and whether in the window, once each."""
    before_end = later.events.where(F.col("event_time") < F.lit(later.window.end(later.as_of)))
    during = F.max(F.col("event_time") >= F.lit(later.start)).alias("during")
    before = F.max(F.col("event_time") < F.lit(later.start)).alias("before")
    bought_it = before_end.where(F.col("action") == Action.PURCHASE.value)
    return bought_it.groupBy("user_id", "item_id").agg(during, before).join(later.items, "item_id")


def bought(purchases: DataFrame, kind: str) -> DataFrame:
    """`user_id` and `value`: the categories (kind category_<level>) or brands that a user bought in the window."""
    value = F.col("brand") if kind == "brand" else _path(int(kind.rpartition("_")[2]))
    return purchases.where("during").select("user_id", value.alias("value")).where("value is not null").distinct()


def _path(level: int) -> Column:
    """The category's path down to the level, as in silver.codes; null where the item's is shorter."""
    path = F.array_join(F.slice("category_path", 1, level), SEPARATOR)
    return F.when(F.size("category_path") >= level, path)


def _figures(later: Later) -> list[Column]:
    bought_it = F.col("action") == Action.PURCHASE.value
    time, local = F.col("event_time"), F.from_utc_timestamp("event_time", later.timezone)
    week = F.floor((F.unix_timestamp(time) - F.unix_timestamp(F.lit(later.start))) / F.lit(WEEK.total_seconds()))
    order = F.coalesce("order_id", time.cast("string"))
    hour, weekday = F.hour(local), F.weekday(local)
    discount, amount = F.col("discount"), F.col("amount")
    priced = bought_it & discount.isNotNull() & amount.isNotNull()

    def some(condition: Column) -> Column:
        return F.coalesce(F.max(condition), F.lit(False))

    return [
        F.count_if(bought_it).alias("purchases"),
        some(bought_it & (time < F.lit(later.start + WEEK))).alias("first_week"),
        F.count_distinct(F.when(bought_it & (week < later.window.horizon // WEEK), week)).alias("weeks"),
        F.sum(F.when(bought_it, amount)).alias("spend"),
        (F.count_if(bought_it) / F.count_distinct(F.when(bought_it, order))).alias("basket"),
        (F.sum(F.when(priced, discount)) / F.sum(F.when(priced, amount + discount))).alias("discounts"),
        some(bought_it & F.col("coupon_id").isNotNull()).alias("coupon"),
        some(bought_it & (hour < 6)).alias("night"),
        some(bought_it & hour.between(5, 10)).alias("morning"),
        some(bought_it & (hour >= 18)).alias("evening"),
        some(bought_it & (weekday >= 5)).alias("weekend"),
        some(F.col("risk")).alias("risk"),
        *(some(F.col("action") == action).alias(action) for action in _ACTS.values()),
    ]


_ACTS = {
    "returns something": Action.RETURN.value,
    "complains": Action.COMPLAINT.value,
    "contacts the service": Action.SERVICE_CONTACT.value,
    "reviews": Action.REVIEW.value,
    "looks": Action.VIEW.value,
    "clicks": Action.CLICK.value,
}


def _conditions(later: Later) -> list[Column]:
    buys = F.coalesce(F.col("purchases") > 0, F.lit(False))
    spend, days = F.coalesce("spend", F.lit(0)), later.window.horizon / timedelta(days=1)
    rate, before = spend / F.lit(days), F.col("spend_90d") / F.lit(DAYS_BEFORE)
    said = {
        "buys": buys,
        "buys nothing": ~buys,
        "buys within a week": F.col("first_week"),
        "buys every week": F.col("weeks") >= max(1, later.window.horizon // WEEK),
        "spends above median": F.col("spend") > F.col("median_spend"),
        "fills large baskets": F.col("basket") > F.col("median_basket"),
        "tries a new category": F.col("new_categories") > 0,
        "uses a coupon": F.col("coupon"),
        "buys discounted": F.col("discounts") > F.col("median_discounts"),
        "buys at full price": buys & (F.coalesce("discounts", F.lit(0.0)) < F.col("median_discounts")),
        "buys at night": F.col("night"),
        "buys in the morning": F.col("morning"),
        "buys in the evening": F.col("evening"),
        "buys at the weekend": F.col("weekend"),
        "is a risk": F.col("risk"),
        **{name: F.col(action) for name, action in _ACTS.items()},
    }
    plain = [F.coalesce(condition, F.lit(False)).alias(name) for name, condition in said.items()]
    # Of who had not bought in the 90 days before, nothing can be less.
    compared = {"spends more than before": rate > before, "spends less than before": rate < before}
    return [*plain, *(condition.alias(name) for name, condition in compared.items())]


def _new_categories(purchases: DataFrame) -> DataFrame:
    """`new_categories`: those of level NEW_LEVEL that a user bought in first in the window."""
    met = purchases.groupBy("user_id", _path(NEW_LEVEL).alias("value")).agg(F.max("before").alias("before"))
    return met.where("value is not null").groupBy("user_id").agg(F.count_if(~F.col("before")).alias("new_categories"))
