"""What people know of a user, and which features speak of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A feature that no topic takes, such as one of somebody's own, is a topic by itself.
FEATURE = "feature"

# Of a network: events of one category in the history, and the rest of it; the user's own events in the class that a
# score is about.
CATEGORY_BOUGHT, CATEGORY_MET, OTHER_EVENTS, HABIT = "category_bought", "category_met", "other_events", "habit"


@dataclass(frozen=True)
class Topic:
    """`code` is its name in tables and language files. Of a user it shows the feature `value`, a number of `unit`,
    beside the feature `usual` or, without one, beside what is usual among users. Of a feature of several windows it
    shows the window that says most.
    """

    code: str
    features: str  # a pattern of their whole names
    value: str  # where it has windows, without them
    unit: str  # count, days, money, ratio, share or score
    usual: str = ""


def rule_code(model: str) -> str:
    """Of a score that a rule alone decides."""
    return f"rule_{model}"


# A feature belongs to the first topic that takes it.
TOPICS: tuple[Topic, ...] = (
    Topic("discounts", r"discount_share|coupon.*", "discount_share", "share"),
    Topic("service", r".*complaint.*|.*service_contact.*", "complaint_count", "count"),
    Topic("returns", r"(days_since_)?return.*|return_.*", "return_count", "count"),
    Topic("reviews", r"rating_.*|sentiment_.*|.*review.*", "rating_mean", "score"),
    Topic("wishes", r".*favourite.*", "favourites_open", "count"),
    Topic("searches", r".*search.*", "search_count", "count"),
    Topic("advertising", r".*exposure.*|.*click.*", "exposure_count", "count"),
    Topic("cart", r".*cart.*", "cart_count", "count"),
    Topic("views", r".*view.*", "view_count", "count"),
    Topic("tenure", r"tenure_days|days_since_first_.*|btyd_age_days", "tenure_days", "days"),
    Topic(
        "purchase_recency",
        r"days_since_purchase|.*recency.*|interpurchase_.*|overdue_ratio|repurchase_.*",
        "days_since_purchase",
        "days",
        usual="interpurchase_days_mean",
    ),
    Topic("visit_recency", r"days_since_any", "days_since_any", "days", usual="active_gap_days_mean"),
    Topic("spend_trend", r"spend_trend_.*", "spend_trend_30d_90d", "ratio"),
    Topic("visit_trend", r"events_trend_.*", "events_trend_30d_90d", "ratio"),
    Topic("basket_value", r"average_order_.*|basket_value_.*|last_order_.*", "average_order_value", "money"),
    Topic("basket_size", r"basket_items_.*", "basket_items_mean", "count"),
    Topic("spend", r"spend_.*|.*monetary.*", "spend", "money"),
    Topic("bursts", r"max_.*_per_.*|identical_gap_share", "max_purchases_per_day", "count"),
    Topic("loyalty", r"(item|brand)_repeat_share|brand_(entropy|herfindahl)", "brand_repeat_share", "share"),
    Topic("orders", r"orders_.*|.*purchase.*|.*frequency.*", "orders", "count"),
    Topic("price_level", r"price_.*", "price_to_category_median", "ratio"),
    Topic("breadth", r"distinct_.*|.*_entropy|.*_herfindahl|novelty_.*", "distinct_category_2_all", "count"),
    Topic("rhythm", r"hour_.*|weekday_.*|night_share|active_gap_.*", "active_gap_days_mean", "days"),
    Topic("devices", r".*device.*", "devices_all", "count"),
    Topic("visits", r"active_days_.*|sessions_.*|events_per_.*|session_.*|dwell_.*", "active_days", "days"),
)


# Of models of a ladder that are no trees, and tell of no numbers.
RULES = (
    "base_rate", "recency_rule", "rfm_logistic", "bg_nbd", "mean_spend", "last_window_spend", "bg_nbd_gamma_gamma",
    "waiting_curve", "markov_chain", "popularity", "recent_popularity", "last_seen", "own_counts",
    "category_popularity", "markov", "item_cosine", "user_user", "als",
)  # fmt: skip

# All that a language has phrases for.
CODES = (
    *(topic.code for topic in TOPICS),
    FEATURE,
    CATEGORY_BOUGHT,
    CATEGORY_MET,
    OTHER_EVENTS,
    HABIT,
    *map(rule_code, RULES),
)


def topic_of(feature: str) -> Topic:
    """
    >>> topic_of("orders_90d").code, topic_of("my_own").code
    ('orders', 'feature')
    """
    found = next((topic for topic in TOPICS if re.fullmatch(topic.features, feature)), None)
    return found or Topic(FEATURE, re.escape(feature), feature, "score")


def window_days(feature: str, value: str) -> int | None:
    """The days of the window in which `feature` is `value`; 0 for all time, None where it is another feature.

    >>> window_days("spend_30d", "spend"), window_days("spend_all", "spend"), window_days("spend_trend_7d_30d", "spend")
    (30, 0, None)
    """
    if feature == value:
        return 0
    found = re.fullmatch(rf"{re.escape(value)}_(?:(\d+)d|all)", feature)
    return int(found[1] or 0) if found else None


def topics_of(features: Sequence[str]) -> tuple[list[Topic], np.ndarray]:
    """Those that features speak of, each once, and float32 [features, topics] that sums a topic's features."""
    of_features = [topic_of(name) for name in features]
    topics = list(dict.fromkeys(of_features))
    places = [topics.index(topic) for topic in of_features]
    return topics, np.eye(len(topics), dtype=np.float32)[places]
