from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from userprofile.baselines.categories import Popularity, UserFrequency
from userprofile.baselines.ladder import fit_ladder
from userprofile.spec import FeatureSpec

SPEC = FeatureSpec((), 5, 2, (), (), label_categories=(7, 3, 9))
CODES = pa.list_(pa.int32())
TRAIN = pa.table(
    {
        "label_next_categories": pa.array([[3, 7], [7], [], [2, 9]], CODES),
        "sequence_category_2": pa.array([[9, 9, 3], [], [4, 0], [3]], CODES),
        "label_purchase": pa.array([1, 1, 0, 1], pa.int8()),
        "label_spend": [5, 6, 0, 7],
    }
)


def test_popularity_is_the_share_of_training_rows_that_bought() -> None:
    scores = Popularity.fit(TRAIN, SPEC).predict(TRAIN)
    np.testing.assert_allclose(scores, [[0.5, 0.25, 0.25]] * 4)


def test_a_users_own_categories_come_first_and_the_rest_by_popularity() -> None:
    scores = UserFrequency.fit(TRAIN, SPEC).predict(TRAIN)
    np.testing.assert_allclose(scores - np.array([0.25, 0.125, 0.125]), [[0, 1, 2], [0, 0, 0], [0, 0, 0], [0, 1, 0]])


def test_slices_of_a_table_are_counted_from_their_own_first_row() -> None:
    scores = UserFrequency.fit(TRAIN, SPEC).predict(pa.concat_tables([TRAIN.slice(3), TRAIN.slice(0, 1)]))
    np.testing.assert_allclose(scores, UserFrequency.fit(TRAIN, SPEC).predict(TRAIN)[[3, 0]])


def test_a_ladder_has_the_rules_whose_columns_are_there() -> None:
    assert {head: set(rules) for head, rules in fit_ladder(TRAIN, SPEC).items()} == {
        "purchase": {"base_rate"},
        "spend": {"mean_spend"},
        "next_categories": {"popularity", "user_frequency"},
    }
    wider = TRAIN.append_column("days_since_purchase", [[1.0] * 4]).append_column("spend_30d", [[1] * 4])
    assert {head: set(rules) for head, rules in fit_ladder(wider, replace(SPEC, label_categories=())).items()} == {
        "purchase": {"base_rate", "recency_rule"},
        "spend": {"mean_spend", "last_window_spend"},
    }
