"""What a model says of users, as it comes back from the workers; not a table."""

from __future__ import annotations

import pyarrow as pa

from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.profiles import UserProfiles

SCORE_COLUMNS = (
    "embedding", "interest_vector", "purchase_probability", "churn_probability", "expected_spend", "days_to_purchase",
    "next_action", "window_actions", "next_categories", "next_item", "window_items", "risk_probability",
    "reasons",
)  # fmt: skip

# Scores that are one number, and their columns; a probability lies in 0..1.
NUMBERS = {
    "purchase": "purchase_probability",
    "churn": "churn_probability",
    "spend": "expected_spend",
    "days_to_purchase": "days_to_purchase",
    "risk": "risk_probability",
}
PROBABILITIES = ("purchase", "churn", "risk")
VECTOR_COLUMNS = ("embedding", "interest_vector")

SCORES = pa.schema([arrow_schema(UserProfiles).field(name) for name in ("user_id", "as_of_date", *SCORE_COLUMNS)])
VECTORS = pa.schema([SCORES.field(name) for name in ("user_id", "as_of_date", *VECTOR_COLUMNS)])
REASONS = SCORES.field("reasons")
NAMED_SCORES = SCORES.field("next_categories").type
