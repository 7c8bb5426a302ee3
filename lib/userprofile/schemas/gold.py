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
    sequence_price_band = codes(dy.Int8)  # events/price_bands.py
    sequence_gap_days = codes(dy.Float32)  # days since the user's event before; 0 where there was none
    sequence_age_days = codes(dy.Float32)  # days from the event to the as-of instant, > 0


class HistoryExamples(dy.Schema):
    """gold.history_examples: the first events of a user's history, oldest first, the last of them to be predicted."""

    user_id = dy.String(primary_key=True)
    split = dy.String(primary_key=True)  # train, refit, validation or test: labels/next_event.py
    sequence_item = codes()
    sequence_action = codes(dy.Int8)
    sequence_gap_days = codes(dy.Float32)
    label_targets = dy.Int32(nullable=False, min=1)  # so many last events are to be predicted, each from those before
    label_is_same_day = dy.Bool(nullable=False)  # of the last two events, by the calendar of the source


class Labels(PerUser):
    """What a user did in [as_of + gap, as_of + gap + horizon); only where that window is complete in the log."""

    label_purchase = dy.Int8(nullable=False, is_in=[0, 1])
    label_spend = dy.Int64(nullable=False)  # sum of purchase amounts, minor units; 0 is "bought nothing"
    label_next_categories = codes()  # distinct category codes bought, ascending
    label_next_item = dy.Int32(nullable=True)  # the first item bought; null is "bought nothing"
    label_next_items = codes()  # distinct item codes bought, ascending
    label_next_action = dy.Int8(nullable=True)  # columns.ACTION_CODE of the first event; null is "did nothing"
    label_churn = dy.Int8(nullable=True, is_in=[0, 1])  # null: was not active before, so cannot leave
    label_days_to_purchase = dy.Float64(nullable=True)  # null where censored
    label_is_censored = dy.Bool(nullable=False)  # no purchase by the end of the label window
    label_window_items = codes()  # distinct items met by any event, first met first
    label_window_actions = codes(dy.Int8)  # distinct columns.ACTION_CODEs of events, ascending
    label_risk = dy.Int8(nullable=True, is_in=[0, 1])  # null: the log does not tell of risk


class ModelJudgements(dy.Schema):
    """gold.model_judgements: how right a model was about one score of one example; what it says depends on the score.

    Null is a number that the score does not have, NaN one that this row does not have, such as that of a user without
    the label. heads/ says what each means.
    """

    model_version = dy.String(primary_key=True)
    split = dy.String(primary_key=True)
    user_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)
    score = dy.String(primary_key=True)
    model = dy.String(primary_key=True)  # network, or a rung of the ladder
    segment = dy.String(nullable=False)  # the user's RFM segment
    label = dy.Float64(nullable=True)
    predicted = dy.Float64(nullable=True)
    log_loss = dy.Float64(nullable=True)
    accuracy = dy.Float64(nullable=True)
    error = dy.Float64(nullable=True)  # squared
    ndcg_at_10 = dy.Float64(nullable=True)
    hr_at_10 = dy.Float64(nullable=True)
    recall_at_10 = dy.Float64(nullable=True)
    interval = dy.Float64(nullable=True)
    expected_interval = dy.Float64(nullable=True)


class UserSegments(PerUser):
    """gold.user_segments: the cluster of a user's embedding. Numbers begin at 1, and stay in one embedding space."""

    model_version = dy.String(primary_key=True)
    embedding_space = dy.String(nullable=False)
    segment = dy.Int16(nullable=False, min=1)
    distance = dy.Float64(nullable=False, min=0)  # of the embedding from the cluster's centre


class Segments(dy.Schema):
    """gold.segments: what sets the users of a segment apart, and whether it is the one it was before."""

    as_of_date = dy.Date(primary_key=True)
    model_version = dy.String(primary_key=True)
    segment = dy.Int16(primary_key=True, min=1)
    users = dy.Int64(nullable=False)
    share = dy.Float64(nullable=False, min=0, max=1)
    features = dy.List(
        dy.Struct(
            {
                "name": dy.String(nullable=False),
                "mean": dy.Float64(nullable=False),
                "mean_of_all": dy.Float64(nullable=False),
                "difference": dy.Float64(nullable=False),  # in standard deviations of all users
            }
        ),
        nullable=False,
    )  # those that differ most, greatest first
    categories = scored()  # those liked most above all users' share, with how many times
    prediction_strength = dy.Float64(nullable=True)  # of all segments; null where there is but one
    kept = dy.Float64(nullable=True)  # share of users of the segmentation before who kept their number
    adjusted_rand = dy.Float64(nullable=True)  # 1: the same partition as before; about 0: by chance


class PopulationStatistics(dy.Schema):
    """gold.population_statistics: numbers about all users that a per-user feature needs, as of a date."""

    as_of_date = dy.Date(primary_key=True)
    statistic = dy.String(primary_key=True)  # for instance rfm_recency_days, category_1_price_median
    key = dy.String(primary_key=True)  # a quantile ("0.2") or a code ("17")
    value = dy.Float64(nullable=False)


def count() -> dy.Int64:
    """A number of things; none is 0."""
    return dy.Int64(nullable=False, min=0)


def rate() -> dy.Float64:
    """A share of events that another event follows, smoothed."""
    return dy.Float64(nullable=True, min=0, max=1)


class ItemFeatures(dy.Schema):
    """gold.item_features: an item with an event known before the date; what such events tell, bots' left out.

    Windows end at the date. Rates lie near that of all items where events are few: pipelines/item_features.py; they are
    null where the log has none of the one or the other action.
    """

    item_id = dy.String(primary_key=True)
    as_of_date = dy.Date(primary_key=True)
    view_count_7d = count()  # events
    view_count_30d = count()
    view_count_90d = count()
    view_count_all = count()
    cart_count_7d = count()
    cart_count_30d = count()
    cart_count_90d = count()
    cart_count_all = count()
    purchase_count_7d = count()
    purchase_count_30d = count()
    purchase_count_90d = count()
    purchase_count_all = count()
    exposure_count_7d = count()
    exposure_count_30d = count()
    exposure_count_90d = count()
    exposure_count_all = count()
    click_count_7d = count()
    click_count_30d = count()
    click_count_90d = count()
    click_count_all = count()
    users_7d = count()  # different users with an event of any action
    users_30d = count()
    users_90d = count()
    users_all = count()
    buyers_7d = count()  # different users with a purchase
    buyers_30d = count()
    buyers_90d = count()
    buyers_all = count()
    # Events a day of the last 30 days to those of the last 90, of actions that speak for an item: those with an
    # affinity weight. 0 to 3, 1 is steady; null where there are none in 90 days.
    popularity_trend = dy.Float64(nullable=True, min=0)
    view_to_cart_7d = rate()  # cart events per view event
    view_to_cart_30d = rate()
    view_to_cart_90d = rate()
    view_to_cart_all = rate()
    cart_to_purchase_7d = rate()
    cart_to_purchase_30d = rate()
    cart_to_purchase_90d = rate()
    cart_to_purchase_all = rate()
    exposure_to_click_7d = rate()
    exposure_to_click_30d = rate()
    exposure_to_click_90d = rate()
    exposure_to_click_all = rate()
    return_rate = rate()  # returns per purchase
    complaint_rate = rate()  # complaints per purchase
    rating_mean = dy.Float64(nullable=True)
    rating_count = count()
    price = dy.Int64(nullable=True)  # of one unit, minor units: the latest known, of several at one time the highest
    price_to_category_median = dy.Float64(nullable=True)  # to the median of unit prices paid in its category_1
    repeat_buyer_share = dy.Float64(nullable=True)  # of buyers, those with two orders of it or more; null without any
    days_since_first_event = dy.Float64(nullable=False)
    days_since_last_event = dy.Float64(nullable=False)


class UserCategoryFeatures(PerUser):
    """gold.user_category_features: a user's events in one category, where there are at least as many as the floor."""

    category = dy.String(primary_key=True)  # its path, as in silver.codes
    event_count = count()
    purchase_count = count()  # events
    orders = count()  # purchases of one order number, or of one instant where they have none, are one
    spend = dy.Int64(nullable=True)  # minor units; null where something was bought and no amount is known
    days_since_first_event = dy.Float64(nullable=False)
    days_since_last_event = dy.Float64(nullable=False)
    days_since_purchase = dy.Float64(nullable=True)  # the last; null where nothing was bought
    # (last - first purchase) / (orders - 1); null below two orders, or where all are of one instant.
    purchase_cycle_days = dy.Float64(nullable=True)
    event_share = dy.Float64(nullable=False)  # of all events of the user, those without a category too
    affinity = dy.Float64(nullable=True)  # as in category_<level>_affinity; null where no event of any has a weight
