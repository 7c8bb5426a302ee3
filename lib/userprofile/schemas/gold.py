"""Tables per user and as-of date. Columns of features come from the feature catalogue (features/catalogue.py)."""

from __future__ import annotations

import dataframely as dy


def scored(inner: str = "name") -> dy.List:
    """Names with their scores, strongest first."""
    pair = dy.Struct({inner: dy.String(nullable=False), "score": dy.Float64(nullable=False)})
    return dy.List(pair, nullable=False)


def codes(dtype: type[dy.Column] = dy.Int32) -> dy.List:
    """One entry an event, oldest first; 0 is "the event has none"."""
    return dy.List(dtype(nullable=False), nullable=False)


class PerUser(dy.Schema):
    """The key of everything point-in-time: only events before the start of `as_of_date` count.

    The date starts at midnight of the source's time zone.
    """

    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)


class UserSequences(PerUser):
    """gold.user_sequences: the last K events of a user, oldest first; all lists of a row have one length."""

    sequence_action = codes(dy.Int8)
    sequence_item = codes()
    sequence_category_1 = codes()
    sequence_category_2 = codes()
    sequence_category_3 = codes()
    sequence_brand = codes()
    sequence_age_days = codes(dy.Float32)  # days from the event to the as-of instant, > 0


class Labels(PerUser):
    """What a user did in [as_of + gap, as_of + gap + horizon); only where that window is complete in the log."""

    label_purchase = dy.Int8(nullable=False, is_in=[0, 1])
    label_spend = dy.Int64(nullable=False)  # sum of purchase amounts, minor units; 0 is "bought nothing"
    label_next_categories = codes()  # distinct category codes bought, ascending
    label_next_item = dy.Int32(nullable=True)  # the first item bought; null is "bought nothing"


class PopulationStatistics(dy.Schema):
    """gold.population_statistics: numbers about all users that a per-user feature needs, as of a date."""

    as_of_date = dy.Date(primary_key=True)
    statistic = dy.String(primary_key=True)  # for instance rfm_recency_days, category_1_price_median
    key = dy.String(primary_key=True)  # a quantile ("0.2") or a code ("17")
    value = dy.Float64(nullable=False)
