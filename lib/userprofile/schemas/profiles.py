"""gold.user_profiles, the row that everything downstream reads; and what moved in it from one date to the next."""

from __future__ import annotations

import dataframely as dy

from userprofile.schemas.events import utc
from userprofile.schemas.gold import PerUser, scored


def _named() -> dy.List:
    """Names with a number, greatest first."""
    pair = dy.Struct({"name": dy.String(nullable=False), "score": dy.Float64(nullable=False)})
    return dy.List(pair, nullable=True)


def _declared() -> dy.List:
    """What the user says of themselves; null without consent to profiling."""
    pair = dy.Struct({"name": dy.String(nullable=False), "value": dy.String(nullable=False)})
    return dy.List(pair, nullable=True)


def _reasons() -> dy.List:
    """Why scores are what they are: of each at most three reasons, strongest first (docs/reasons.md)."""
    reason = {
        "score": dy.String(nullable=False),
        "code": dy.String(nullable=False),
        "direction": dy.Enum(["raises", "lowers"], nullable=False),
        "share": dy.Float64(nullable=False, min=0, max=1),  # of all that moved the score, either way
        "value": dy.Float64(nullable=True),  # of the user, in `unit`; money in minor units
        "usual": dy.Float64(nullable=True),  # of the user, or among users
        "window_days": dy.Int32(nullable=False),  # of `value`; 0 where it has no window
        "name": dy.String(nullable=True),  # of the category or item meant
        "unit": dy.String(nullable=False),
        "text": dy.String(nullable=False),
    }
    return dy.List(dy.Struct(reason), nullable=True)


class UserProfiles(PerUser):
    """One row per user, as-of date and model. Money is in minor units of `currency`; null is "not known"."""

    model_version = dy.String(primary_key=True)  # "none" where no model could be trained
    attributes = _declared()
    days_since_any = dy.Float64(nullable=True, min=0)
    days_since_purchase = dy.Float64(nullable=True, min=0)
    tenure_days = dy.Float64(nullable=True, min=0)
    orders_all = dy.Int64(nullable=False, min=0)
    spend_all = dy.Int64(nullable=True)  # null is "bought, but the log has no amounts"
    currency = dy.String(nullable=True)
    rfm_recency_score = dy.Int8(nullable=True, min=1, max=5)  # 1 to 5, 5 is best
    rfm_frequency_score = dy.Int8(nullable=True, min=1, max=5)
    rfm_monetary_score = dy.Int8(nullable=True, min=1, max=5)
    rfm_segment = dy.String(nullable=True)
    category_1_affinity = scored()
    category_2_affinity = scored()
    category_3_affinity = scored()
    brand_affinity = scored()
    price_band_affinity = _named()  # in units of `currency`; null in rows that are older than the column
    tags = dy.List(dy.String(nullable=False), nullable=False)
    embedding = dy.List(dy.Float32(nullable=False), nullable=True)
    # The model in whose coordinates `embedding` and `interest_vector` are: rows of one space may be compared.
    embedding_space = dy.String(nullable=True)
    # Weighted sum of the vectors of what the history is about, to length 1; null where the model knows none of it.
    interest_vector = dy.List(dy.Float32(nullable=False), nullable=True)
    # All of the window from gap to gap + horizon after the date; null where the log does not teach it, or as it says.
    purchase_probability = dy.Float64(nullable=True, min=0, max=1)  # calibrated, as are all probabilities here
    churn_probability = dy.Float64(nullable=True, min=0, max=1)  # of no purchase; null for who did not buy of late
    expected_spend = dy.Int64(nullable=True, min=0)
    days_to_purchase = dy.Float64(nullable=True, min=0)  # by then half of such users bought; null beyond the window
    next_action = _named()  # of the first event, where there is one; adds up to 1
    window_actions = _named()  # each action's own probability to come at all
    next_categories = _named()  # the likeliest categories of purchases, each with its own probability
    next_item = _named()  # what is bought first: likeliest items, with scores that order them
    window_items = _named()  # what is met by any action, likewise
    risk_probability = dy.Float64(nullable=True, min=0, max=1)  # of fraud, a chargeback or abuse; null: not told
    served_by = dy.List(
        dy.Struct({"score": dy.String(nullable=False), "model": dy.String(nullable=False)}), nullable=True
    )  # the network, or the simpler model that was as good on validation
    reasons = _reasons()
    scores_missing_because = dy.String(nullable=True)
    consent = dy.List(dy.String(nullable=False), nullable=False)  # purposes granted
    events_version = dy.Int64(nullable=False)
    features_version = dy.Int64(nullable=False)
    training_version = dy.Int64(nullable=True)
    code_version = dy.String(nullable=False)
    config_version = dy.String(nullable=False)
    scored_at = utc()


class ProfileChanges(PerUser):
    """gold.profile_changes: what moved of a user since the profiles of the date before; no row where there was none."""

    model_version = dy.String(nullable=False)
    before_date = dy.Date(nullable=False)
    before_model_version = dy.String(nullable=False)
    tags_gained = dy.List(dy.String(nullable=False), nullable=False)
    tags_lost = dy.List(dy.String(nullable=False), nullable=False)
    scores_moved = dy.List(
        dy.Struct(
            {
                "score": dy.String(nullable=False),
                "before": dy.Float64(nullable=False),
                "now": dy.Float64(nullable=False),
                "noise": dy.Float64(nullable=False),  # what it had to move by, at least, to be here
            }
        ),
        nullable=False,
    )
