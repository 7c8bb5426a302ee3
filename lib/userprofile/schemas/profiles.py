"""gold.user_profiles: the row that everything downstream reads."""

from __future__ import annotations

import dataframely as dy

from userprofile.schemas.events import utc
from userprofile.schemas.gold import PerUser, scored


class UserProfiles(PerUser):
    """One row per user, as-of date and model. Money is in minor units of `currency`; null is "not known"."""

    model_version = dy.String(primary_key=True)  # "none" where no model could be trained
    days_since_any = dy.Float64(nullable=True)
    days_since_purchase = dy.Float64(nullable=True)
    tenure_days = dy.Float64(nullable=True)
    orders_all = dy.Int64(nullable=False)
    spend_all = dy.Int64(nullable=True)  # null is "bought, but the log has no amounts"
    currency = dy.String(nullable=True)
    rfm_recency_score = dy.Int8(nullable=True)  # 1 to 5, 5 is best
    rfm_frequency_score = dy.Int8(nullable=True)
    rfm_monetary_score = dy.Int8(nullable=True)
    rfm_segment = dy.String(nullable=True)
    category_1_affinity = scored()
    category_2_affinity = scored()
    category_3_affinity = scored()
    brand_affinity = scored()
    tags = dy.List(dy.String(nullable=False), nullable=False)
    embedding = dy.List(dy.Float32(nullable=False), nullable=True)
    purchase_probability = dy.Float64(nullable=True, min=0, max=1)  # of a purchase within gap + horizon, calibrated
    expected_spend = dy.Int64(nullable=True)  # in the same window
    next_categories = dy.List(
        dy.Struct({"name": dy.String(nullable=False), "score": dy.Float64(nullable=False)}), nullable=True
    )
    scores_missing_because = dy.String(nullable=True)
    consent = dy.List(dy.String(nullable=False), nullable=False)  # purposes granted
    events_version = dy.Int64(nullable=False)
    features_version = dy.Int64(nullable=False)
    training_version = dy.Int64(nullable=True)
    code_version = dy.String(nullable=False)
    config_version = dy.String(nullable=False)
    scored_at = utc()
