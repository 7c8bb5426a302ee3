"""What serves a score later says what it said when it was fitted."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.actions import ActionHabits, ActionMarkov, ActionRates, ActionShares
from userprofile.baselines.bg_nbd import BetaGeometric
from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.btyd import BgNbdPurchase, BgNbdSpend
from userprofile.baselines.gamma_gamma import GammaGamma
from userprofile.baselines.history_rules import KINDS as HISTORY_RULES
from userprofile.baselines.history_rules import HistoryRule
from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.baselines.regression import RfmLogistic
from userprofile.baselines.sets import CategoryPopularity, LastSeen, Popularity, UserFrequency
from userprofile.baselines.spend import LastWindowSpend, MeanSpend
from userprofile.baselines.stored import KINDS, fields_of, rung_of
from userprofile.baselines.waiting import WaitingByRecency, WaitingCurve
from userprofile.errors import UsageError

ROWS = 400
RANDOM = np.random.default_rng(5)
FREQUENCY = RANDOM.poisson(1.5, ROWS).astype(float)
AGE = RANDOM.uniform(50, 200, ROWS)
NEVER = RANDOM.random(ROWS) < 0.2
CODES = pa.list_(pa.int32())


def null_where(mask: np.ndarray, values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=mask)


TABLE = pa.table(
    {
        "user_id": [f"user {row // 2}" for row in range(ROWS)],
        "as_of_date": [datetime.date(2026, 1, 1 + 14 * (row % 2)) for row in range(ROWS)],
        "label_purchase": pa.array(RANDOM.integers(0, 2, ROWS), pa.int8()),
        "label_spend": RANDOM.integers(0, 9000, ROWS),
        "label_next_action": pa.array(RANDOM.integers(0, 3, ROWS), pa.int8()),
        "label_window_actions": pa.array([[0, 2][: row % 3] for row in range(ROWS)], pa.list_(pa.int8())),
        "label_days_to_purchase": null_where(RANDOM.random(ROWS) < 0.5, RANDOM.uniform(0, 14, ROWS)),
        "label_next_categories": pa.array([[1 + row % 3] for row in range(ROWS)], CODES),
        "sequence_category_1": pa.array([[1, 2, 3][row % 3 :] for row in range(ROWS)], CODES),
        "sequence_action": pa.array([[0, 1, 2][: row % 4] for row in range(ROWS)], pa.list_(pa.int8())),
        "days_since_purchase": null_where(NEVER, RANDOM.uniform(0, 100, ROWS)),
        "spend_30d": null_where(NEVER, RANDOM.uniform(0, 9000, ROWS)),
        "rfm_recency_days": null_where(NEVER, RANDOM.uniform(0, 100, ROWS)),
        "rfm_frequency": null_where(NEVER, 1 + FREQUENCY),
        "rfm_monetary": null_where(NEVER, RANDOM.uniform(0, 9000, ROWS)),
        "btyd_frequency": null_where(NEVER, FREQUENCY),
        "btyd_recency_days": null_where(NEVER, np.where(FREQUENCY > 0, AGE * RANDOM.random(ROWS), 0)),
        "btyd_age_days": null_where(NEVER, AGE),
        "btyd_monetary_value": null_where(NEVER | (FREQUENCY == 0), RANDOM.uniform(500, 3000, ROWS)),
    }
)
OF_SETS = {"label": "label_next_categories", "classes": (1, 2, 3)}
OWN = {**OF_SETS, "sequence": "sequence_category_1"}
WINDOW = {"gap_days": 1.0, "horizon_days": 14.0}
TREES = {"features": ["rfm_frequency", "spend_30d"], "seed": 1, "models": 1}
FITS = {
    "ActionHabits": partial(ActionHabits.fit, classes=(0, 2)),
    "ActionMarkov": partial(ActionMarkov.fit, classes=(0, 1, 2)),
    "ActionRates": partial(ActionRates.fit, classes=(0, 1, 2)),
    "ActionShares": partial(ActionShares.fit, classes=(0, 2)),
    "BaseRate": BaseRate.fit,
    "BgNbdPurchase": partial(BgNbdPurchase.fit, label="label_purchase", **WINDOW),
    "BgNbdSpend": partial(BgNbdSpend.fit, label="label_spend", **WINDOW),
    "BoostedTrees": partial(BoostedTrees.fit, label="label_purchase", objective="binary", **TREES),
    "CategoryPopularity": partial(CategoryPopularity.fit, **OWN, of_categories="sequence_category_1"),
    "HistoryRule": partial(HistoryRule.fit, **OWN, rule="markov"),
    "LastSeen": partial(LastSeen.fit, **OWN),
    "LastWindowSpend": partial(LastWindowSpend.fit, column="spend_30d"),
    "MeanSpend": MeanSpend.fit,
    "Popularity": partial(Popularity.fit, **OF_SETS),
    "RecencyRule": RecencyRule.fit,
    "RfmLogistic": RfmLogistic.fit,
    "UserFrequency": partial(UserFrequency.fit, **OWN),
    "WaitingByRecency": partial(WaitingByRecency.fit, ends=(7.0, 14.0)),
    "WaitingCurve": partial(WaitingCurve.fit, ends=(7.0, 14.0)),
}


FITTED = [*(FITS[kind] for kind in sorted(KINDS)), *(partial(FITS["HistoryRule"], rule=rule) for rule in HISTORY_RULES)]


@pytest.mark.parametrize("fit", FITTED, ids=[*sorted(KINDS), *HISTORY_RULES])
def test_every_rung_says_the_same_after_its_json(fit: Callable[[pa.Table], Any]) -> None:
    fitted = fit(TABLE)
    predicted = fitted.predict(TABLE)
    assert np.isfinite(predicted).all()
    back = rung_of(json.loads(json.dumps(fields_of(fitted), allow_nan=False)))
    assert back == fitted
    np.testing.assert_array_equal(back.predict(TABLE), predicted)


@pytest.mark.parametrize("fields", [{}, {"kind": "Crystal"}, {"kind": "BaseRate"}, {"kind": "BaseRate", "odds": 1}])
def test_what_is_no_rung_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="no fitted baseline"):
        rung_of(fields)


def test_trees_of_several_classes_give_each_a_probability() -> None:
    trees = BoostedTrees.fit(TABLE, label="label_next_action", objective="multiclass", classes=3, **TREES)
    predicted = trees.predict(TABLE)
    assert predicted.shape == (ROWS, 3)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)


def test_buying_and_spending_are_the_models_formulas_of_the_latest_date() -> None:
    last = TABLE.filter(pa.array([row % 2 == 1 for row in range(ROWS)]))
    history = np.stack(
        [last[name].to_numpy(zero_copy_only=False) for name in ("btyd_frequency", "btyd_recency_days", "btyd_age_days")]
    )
    bought = ~np.isnan(history[0])
    model = BetaGeometric.fit(*history[:, bought])
    days = model.expected_purchases(*history[:, bought], horizon=15.0)
    days -= model.expected_purchases(*history[:, bought], horizon=1.0)
    value = last["btyd_monetary_value"].to_numpy(zero_copy_only=False)[bought]
    worth = GammaGamma.fit(history[0, bought], value).expected_value(history[0, bought], value)
    purchase, spend = (FITS[kind](TABLE).predict(last) for kind in ("BgNbdPurchase", "BgNbdSpend"))
    np.testing.assert_allclose(purchase[bought], 1 - np.exp(-days), rtol=1e-6)
    np.testing.assert_allclose(spend[bought], days * worth, rtol=1e-6)
    never = np.isnan(TABLE["btyd_frequency"].to_numpy(zero_copy_only=False))
    for predicted, label in ((purchase, "label_purchase"), (spend, "label_spend")):
        np.testing.assert_allclose(predicted[~bought], TABLE[label].to_numpy()[never].mean())
