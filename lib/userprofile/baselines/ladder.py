"""The baselines of every head, fitted on the same training rows."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyarrow as pa

from userprofile.baselines.categories import Popularity, UserFrequency
from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.baselines.spend import LastWindowSpend, MeanSpend
from userprofile.spec import FeatureSpec

LAST_WINDOW_COLUMN = "spend_30d"


class Baseline(Protocol):
    """A rule that was fitted."""

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows], or [rows, C] of next categories, for rows of gold.training_examples."""
        ...


def fit_ladder(train: pa.Table, spec: FeatureSpec) -> dict[str, dict[str, Baseline]]:
    """By head (purchase, spend, next_categories) and name, from rows of the train split.

    A rule whose column the rows lack is not on the ladder; next_categories is missing where the spec has none.
    """
    has = set(train.column_names)
    ladder: dict[str, dict[str, Baseline]] = {
        "purchase": {"base_rate": BaseRate.fit(train)},
        "spend": {"mean_spend": MeanSpend.fit(train)},
    }
    if "days_since_purchase" in has:
        ladder["purchase"]["recency_rule"] = RecencyRule.fit(train)
    if LAST_WINDOW_COLUMN in has:
        ladder["spend"]["last_window_spend"] = LastWindowSpend.fit(train, LAST_WINDOW_COLUMN)
    if spec.label_categories:
        ladder["next_categories"] = {
            "popularity": Popularity.fit(train, spec),
            "user_frequency": UserFrequency.fit(train, spec),
        }
    return ladder
