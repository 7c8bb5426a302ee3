"""The network serves a head only where it beats the whole ladder on validation, and that is stored with its reasons."""

from __future__ import annotations

import json

import numpy as np
import pytest

from userprofile.errors import UsageError
from userprofile.heads.evaluation import curve, told_of_test
from userprofile.heads.every import HEADS, heads_of
from userprofile.heads.head import LadderSettings
from userprofile.heads.serving import NETWORK, Serving, fit_serving, judged_by_head, measured

LARGER_IS_BETTER = ("auc", "ndcg@10")


@pytest.fixture(scope="module")
def kept(spec, outputs, labels):
    return {name: values for head in heads_of(spec) for name, values in head.kept(outputs, labels).items()}


@pytest.fixture(scope="module")
def settings(spec) -> LadderSettings:
    return LadderSettings(spec.dense_names, seed=7)


@pytest.fixture(scope="module")
def serving(spec, train, validation, kept, settings) -> Serving:
    return fit_serving(spec, train, validation, kept, settings, say=lambda line: None)


def test_what_serves_is_the_best_on_validation_of_the_ladder_or_beats_it(serving, spec, validation, kept) -> None:
    measures = measured(serving, spec, validation, kept)
    for name, one in serving.heads.items():
        by = HEADS[name].by[0]
        best = (max if by in LARGER_IS_BETTER else min)(measures[name], key=lambda model: measures[name][model][by])
        assert one.model == best
        assert by in one.because
    assert serving.heads["purchase"].model == "lightgbm"


def test_a_network_that_knows_serves(spec, train, validation, kept, settings, labels) -> None:
    knowing = {**kept, "purchase_logit": 8 * (labels["label_purchase"] - 0.5)}
    said: list[str] = []
    one = fit_serving(spec, train, validation, knowing, settings, say=said.append).heads["purchase"]
    assert one.model == NETWORK
    assert "network beats the ladder's best on validation" in one.because
    assert any(line.startswith("purchase: network serves") for line in said)


def test_a_serving_survives_its_json_and_measures_the_same(serving, spec, validation, kept) -> None:
    back = Serving.from_json(serving.to_json())
    assert back.to_json() == serving.to_json()
    assert measured(back, spec, validation, kept) == measured(serving, spec, validation, kept)


@pytest.mark.parametrize("text", ["", "[]", '{"purchase": {"model": "network"}}', '{"purchase": 1}'])
def test_what_is_no_serving_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not say what serves"):
        Serving.from_json(text)


def test_without_validation_rows_the_network_serves_as_it_is_and_says_why(spec, train, validation, settings) -> None:
    serving = fit_serving(spec, train, validation.slice(0, 0), {}, settings, say=lambda line: None)
    assert {one.model for one in serving.heads.values()} == {NETWORK}
    assert {one.because for one in serving.heads.values()} == {"no validation row tells models apart"}
    assert measured(serving, spec, validation.slice(0, 0), {}) == {}


def test_a_rung_that_cannot_be_fitted_is_left_out_and_told(spec, train, validation, kept) -> None:
    nobody_twice = train
    for name in ("btyd_frequency", "btyd_recency_days", "btyd_age_days"):
        nobody_twice = nobody_twice.append_column(name, [np.full(600, 9.0 if name == "btyd_age_days" else 0.0)])
    dense = (*spec.dense_names, "btyd_age_days")
    said: list[str] = []
    asked = validation.append_column("btyd_age_days", [np.full(400, 9.0)])
    serving = fit_serving(spec, nobody_twice, asked, kept, LadderSettings(dense, seed=7), say=said.append)
    assert "bg_nbd" not in serving.heads["purchase"].rungs
    assert any("no bg_nbd on the ladder" in line for line in said)
    assert json.loads(serving.to_json())["purchase"]["rungs"]["lightgbm"]["features"] == list(dense)


def test_of_the_test_is_told_what_decides_with_its_interval_and_what_serves_with_its_curve(
    serving, spec, validation, kept
) -> None:
    told = told_of_test(serving, spec, validation, kept, draws=40, seed=7)
    assert told["test"] == measured(serving, spec, validation, kept)
    for name, of_models in told["intervals"].items():
        by = HEADS[name].by[0]
        for model, (low, high) in of_models.items():
            assert low <= told["test"][name][model][by] <= high, (name, model)
    assert set(told["intervals"]["purchase"]) == set(told["test"]["purchase"])
    judged = {head.name: of_head for head, of_head in judged_by_head(serving, spec, validation, kept)}
    assert told["curves"] == {
        name: curve(judged[name][one.model]) for name, one in serving.heads.items() if HEADS[name].decides
    }
    assert told_of_test(serving, spec, validation.slice(0, 0), {}, draws=40, seed=7) == {
        "test": {}, "intervals": {}, "curves": {},
    }  # fmt: skip
