"""Rungs on a planted shop: who bought lately and often buys again."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.bg_nbd import BetaGeometric
from userprofile.baselines.cross_fit import blended, folds_of_users, members_of_blend, out_of_fold
from userprofile.baselines.outcomes import (
    BG_NBD_COLUMNS,
    MeanDays,
    OfBgNbd,
    ladder_of_buying,
    ladder_of_purchase_days,
    ladder_of_spend,
    with_bg_nbd,
)
from userprofile.baselines.regression import RFM, RfmLogistic
from userprofile.errors import DataGateError
from userprofile.model.intervals import auc, correlation

FEATURES = (*RFM, *BG_NBD_COLUMNS)


def planted(users: int, seed: int) -> pa.Table:
    """Rows of features; some users never bought, and their features are null."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, 1 / 20, users)
    repeats, age = rng.poisson(rate * 150), np.full(users, 150)
    recency = 150 * repeats // (repeats + 1)
    days = rng.poisson(rate * 30)
    never = rng.random(users) < 0.1

    def column(values):
        return pa.array(values, mask=never)

    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(users)],
            "rfm_recency_days": column((age - recency).astype(float)),
            "rfm_frequency": column(repeats + 1),
            "rfm_monetary": column(100 * (repeats + 1)),
            "days_since_purchase": column((age - recency).astype(float)),
            "btyd_frequency": column(repeats),
            "btyd_recency_days": column(recency),
            "btyd_age_days": column(age),
            "btyd_monetary_value": column(np.where(repeats > 0, rng.gamma(6, 100, users), np.nan)),
            "label_spend": pa.array(days * 600),
            "label_purchase": pa.array((days > 0).astype(np.int8)),
            "label_purchase_days": pa.array(days),
        }
    )


@pytest.fixture(scope="module")
def train() -> pa.Table:
    return with_bg_nbd(planted(1_500, 1), horizon_days=30)


@pytest.fixture(scope="module")
def unseen() -> pa.Table:
    return with_bg_nbd(planted(1_000, 2), horizon_days=30)


def test_every_rung_of_buying_gives_probabilities_and_all_but_the_first_tell_users_apart(train, unseen):
    label, one = unseen["label_purchase"].to_numpy(), np.ones(unseen.num_rows)
    ladder = ladder_of_buying(FEATURES, seed=1)
    told = {name: fit(train).predict(unseen) for name, fit in ladder.items()}
    for name, values in told.items():
        assert ((values >= 0) & (values <= 1)).all(), name
        assert name == "base_rate" or auc(label, values, one) > 0.6, name
    assert auc(label, told["base_rate"], one) == 0.5


def test_every_rung_of_purchase_days_gives_days(train, unseen):
    days, one = unseen["label_purchase_days"].to_numpy().astype(float), np.ones(unseen.num_rows)
    ladder = ladder_of_purchase_days(FEATURES, seed=1)
    told = {name: fit(train).predict(unseen) for name, fit in ladder.items()}
    for name, values in told.items():
        assert name == "mean_days" or correlation(days, values, one) > 0.4, name
    assert told["mean_days"] == pytest.approx(np.full(len(days), np.mean(train["label_purchase_days"].to_numpy())))
    assert np.mean(told["lightgbm_median"]) < np.mean(told["lightgbm"])  # most buy nothing


def test_every_rung_of_spend_gives_amounts_and_without_any_bg_nbd_is_silent(train, unseen):
    spent, one = unseen["label_spend"].to_numpy().astype(float), np.ones(unseen.num_rows)
    for name, fit in ladder_of_spend(FEATURES, seed=1).items():
        assert name == "mean_spend" or correlation(spent, fit(train).predict(unseen), one) > 0.4, name
    without = unseen.drop_columns([*BG_NBD_COLUMNS, "btyd_monetary_value"])
    without = without.append_column("btyd_monetary_value", pa.nulls(unseen.num_rows, pa.float64()))
    told = with_bg_nbd(without, horizon_days=30)
    assert told["bg_nbd_spend"].null_count == unseen.num_rows
    assert told["bg_nbd_purchase_days"].equals(unseen["bg_nbd_purchase_days"])


def test_the_same_seed_grows_the_same_trees(train, unseen):
    first, second = (ladder_of_buying(FEATURES, seed=1)["lightgbm"](train).predict(unseen) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_the_logistic_regression_is_the_curve_of_its_weights_and_the_likeliest(train, unseen):
    fitted = RfmLogistic.fit(train)

    def score(row: dict, weights: list[float]) -> float:
        values = [math.log1p(row[name] or 0) for name in RFM] + [row["rfm_recency_days"] is not None]
        return weights[-1] + sum(weight * value for weight, value in zip(weights, values, strict=False))

    weights = [*fitted.weights, fitted.intercept]
    for row, chance in zip(unseen.slice(0, 50).to_pylist(), fitted.predict(unseen.slice(0, 50)), strict=True):
        assert chance == pytest.approx(1 / (1 + math.exp(-score(row, weights))))

    def log_loss(weights: list[float]) -> float:
        scores = [(score(row, weights), row["label_purchase"]) for row in train.to_pylist()]
        return sum(math.log1p(math.exp(-one if bought else one)) for one, bought in scores)

    for place in range(len(weights)):
        for shift in (-0.02, 0.02):
            moved = [weight + shift * (place == other) for other, weight in enumerate(weights)]
            assert log_loss(weights) <= log_loss(moved)


def test_bg_nbd_is_fitted_on_buyers_and_silent_of_others(unseen):
    bought = [row for row in unseen.to_pylist() if row["btyd_frequency"] is not None]
    history = [np.array([row[f"btyd_{name}"] for row in bought]) for name in ("frequency", "recency_days", "age_days")]
    model = BetaGeometric.fit(*history)
    expected = model.expected_purchases(*history, horizon=30)
    assert [row["bg_nbd_purchase_days"] for row in bought] == pytest.approx(expected.tolist())
    assert unseen["bg_nbd_purchase_days"].null_count == unseen["btyd_frequency"].null_count > 0
    rung = OfBgNbd.fit(unseen, column="bg_nbd_purchase_days", label="label_purchase_days")
    silent = [row["label_purchase_days"] for row in unseen.to_pylist() if row["btyd_frequency"] is None]
    assert rung.unknown == pytest.approx(sum(silent) / len(silent))
    assert not np.isnan(rung.predict(unseen)).any()


def test_bg_nbd_of_a_date_without_repeats_is_null_for_all(unseen):
    once = unseen.drop_columns(list(BG_NBD_COLUMNS)).filter(
        pa.array(unseen["btyd_frequency"].fill_null(0).to_numpy() == 0)
    )
    assert with_bg_nbd(once, horizon_days=30)["bg_nbd_alive"].null_count == once.num_rows


def test_no_row_is_predicted_by_what_saw_its_user(train):
    """The mean of a fold is that of all other users, by hand."""
    twice = pa.concat_tables([train.slice(0, 40), train.slice(0, 40)])
    predicted = out_of_fold(twice, {"mean_days": MeanDays.fit}, folds=4, seed=3)["mean_days"]
    days = twice["label_purchase_days"].to_pylist()
    fold = folds_of_users(twice["user_id"].to_pylist(), folds=4, seed=3)
    for row in range(80):
        others = [days[other] for other in range(80) if fold[other] != fold[row]]
        assert predicted[row] == pytest.approx(sum(others) / len(others))
    assert all(fold[row] == fold[row + 40] for row in range(40))
    assert sorted(np.bincount(fold)) == [20, 20, 20, 20]


def test_a_blend_takes_in_what_makes_it_better_and_stops():
    truth = np.array([1.0, 2.0, 4.0, 8.0])
    said = {"low": truth / 2, "high": truth * 2, "wild": np.array([9.0, 0.1, 9.0, 0.1])}

    def gain(values):
        return -float(np.mean(np.abs(values - truth)))

    assert members_of_blend(said, gain, first="low", probability=False) == ["low", "high"]
    assert members_of_blend({"low": truth, "high": truth * 2}, gain, first="low", probability=False) == ["low"]
    alone = {"wild": said["wild"]}
    assert members_of_blend(alone, gain, first="wild", probability=False) == ["wild"]


def test_too_few_users_are_refused():
    with pytest.raises(DataGateError, match="too few users"):
        folds_of_users(["ann", "bob"], folds=5, seed=1)


def test_opinions_are_pooled_on_the_scale_they_are_formed_on():
    chances = [np.array([0.5, 0.9]), np.array([0.5, 0.5])]
    assert blended(chances, probability=True) == pytest.approx([0.5, 0.75])  # odds 9 and 1, their mean 3
    assert blended([np.array([1.0]), np.array([0.5])], probability=True)[0] < 1
    assert blended([np.array([4.0, -1.0]), np.array([1.0, 1.0])], probability=False) == pytest.approx([2.0, 0.1])
