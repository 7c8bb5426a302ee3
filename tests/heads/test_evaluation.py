"""Measures of an evaluation by plain Python: thresholds of validation, intervals, curves, and what a gap tells."""

from __future__ import annotations

import numpy as np
import pytest

from userprofile.heads.evaluation import SPLITS, Asking, curve, evaluated, fit_in_words, with_intervals
from userprofile.heads.every import HEADS
from userprofile.heads.serving import NETWORK, HeadServing

HOW = Asking(draws=60, largest_gap=0.1, seed=1)
SERVING = HeadServing(NETWORK, "it is better", {NETWORK: {}, "base_rate": {}}, {"base_rate": {}})
PURCHASE = HEADS["purchase"]


def judgement(rows: int, seed: int, *, noise: float) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    label = (chance.random(rows) < 0.4).astype(float)
    said = 1 / (1 + np.exp(-(3 * (label - 0.5) + chance.normal(0, noise, rows))))
    label[: rows // 10] = np.nan
    return {"label": label, "predicted": np.where(np.isnan(label), np.nan, said)}


def constant(like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"label": like["label"], "predicted": np.where(np.isnan(like["label"]), np.nan, 0.4)}


@pytest.fixture(scope="module")
def judgements():
    network = {split: judgement(400, place, noise=1.5) for place, split in enumerate(SPLITS)}
    ladder = {(split, "base_rate"): constant(one) for split, one in network.items()}
    return {**{(split, NETWORK): one for split, one in network.items()}, **ladder}


@pytest.fixture(scope="module")
def evaluation(judgements):
    segments = {split: np.array(["loyal", "lost"] * 200) for split in SPLITS}
    return evaluated(PURCHASE, judgements, SERVING, segments, HOW)


def test_yes_begins_where_f1_is_best_on_validation(judgements, evaluation) -> None:
    def decided(split: str, threshold: float) -> dict[str, float]:
        rows = [
            (label > 0, said >= threshold)
            for label, said in zip(*judgements[split, NETWORK].values(), strict=True)
            if not np.isnan(label)
        ]
        right = sum(came and called for came, called in rows)
        precision, recall = right / sum(called for _, called in rows), right / sum(came for came, _ in rows)
        same = sum(came == called for came, called in rows)
        f1 = 2 * precision * recall / (precision + recall)
        return {"accuracy": same / len(rows), "precision": precision, "recall": recall, "f1": f1}

    threshold = evaluation["thresholds"][NETWORK]
    known = judgements["validation", NETWORK]["predicted"]
    best = max(decided("validation", one)["f1"] for one in known[~np.isnan(known)])
    assert decided("validation", threshold)["f1"] == pytest.approx(best)
    shown = evaluation["splits"]["test"][NETWORK]
    assert {name: shown[name]["value"] for name in ("accuracy", "precision", "recall", "f1")} == pytest.approx(
        decided("test", threshold)
    )


def test_every_measure_but_those_of_train_has_an_interval_around_it(evaluation) -> None:
    for split in ("validation", "test"):
        for measure in evaluation["splits"][split][NETWORK].values():
            assert measure["low"] < measure["value"] < measure["high"]
    assert all(set(measure) == {"value"} for measure in evaluation["splits"]["train"][NETWORK].values())


@pytest.mark.parametrize("number", [900, 40_000])  # of the second fewer are drawn
def test_an_interval_of_a_mean_is_as_wide_as_its_standard_error_says(number: int) -> None:
    rows = {"value": np.random.default_rng(5).normal(10, 3, number)}
    drawn = with_intervals(lambda some: {"mean": float(some["value"].mean())}, rows, draws=600, seed=2)["mean"]
    half = 1.96 * rows["value"].std() / np.sqrt(number)
    assert drawn["high"] - drawn["low"] == pytest.approx(2 * half, rel=0.15)


def test_a_measure_that_some_draw_leaves_undefined_has_no_interval() -> None:
    rows = {"value": np.arange(4.0)}
    measured = with_intervals(lambda some: {"lowest": 0.0 if 0 in some["value"] else None}, rows, draws=20, seed=7)
    assert measured == {"lowest": {"value": 0.0}}


def test_a_curve_holds_every_row_once_and_its_means(judgements) -> None:
    bins = curve(judgements["test", NETWORK])
    label = judgements["test", NETWORK]["label"]
    assert sum(one["rows"] for one in bins) == (~np.isnan(label)).sum()
    assert sum(one["rows"] * one["came"] for one in bins) == pytest.approx(np.nansum(label))
    assert [one["said"] for one in bins] == sorted(one["said"] for one in bins)


def test_slices_are_measured_apart(judgements, evaluation) -> None:
    for place, segment in ((1, "lost"), (0, "loyal")):
        row = next(one for one in evaluation["slices"] if one["segment"] == segment)
        inside = {name: values[place::2] for name, values in judgements["test", NETWORK].items()}
        assert row["rows"] == 200
        assert row[NETWORK] == pytest.approx(PURCHASE.metrics(inside)["auc"])


@pytest.mark.parametrize(
    ("train", "validation", "base", "verdict"),
    [
        (0.9, 0.88, 0.5, "sound"),
        (0.9, 0.7, 0.5, "overfitted"),
        (0.5, 0.6, 0.5, "underfitted"),
        (0.7, 0.75, 0.5, "sound"),
    ],
)
def test_a_gap_is_told_in_words(train: float, validation: float, base: float, verdict: str) -> None:
    def measured(value: float) -> dict[str, dict[str, float]]:
        return {"auc": {"value": value}}

    values = {"train": train, "validation": validation, "test": validation}
    splits = {split: {NETWORK: measured(value), "base_rate": measured(base)} for split, value in values.items()}
    fit = fit_in_words(PURCHASE, splits, [NETWORK, "base_rate"], 0.1)
    assert fit["verdict"].startswith(verdict)
    assert fit["gap"] == pytest.approx((train - validation) / train)


def test_of_a_loss_more_is_worse() -> None:
    def measured(value: float) -> dict[str, dict[str, float]]:
        return {"log_loss": {"value": value}}

    splits = {
        split: {NETWORK: measured(value), "waiting_curve": measured(1.0)}
        for split, value in (("train", 0.5), ("validation", 0.6), ("test", 0.6))
    }
    fit = fit_in_words(HEADS["days_to_purchase"], splits, [NETWORK, "waiting_curve"], 0.1)
    assert fit["verdict"].startswith("overfitted: log_loss is 20% worse")


def test_what_is_undefined_is_told() -> None:
    nothing = {split: {NETWORK: {"auc": {"value": None}}, "base_rate": {"auc": {"value": 0.5}}} for split in SPLITS}
    assert fit_in_words(PURCHASE, nothing, [NETWORK, "base_rate"], 0.1)["verdict"] == "auc is undefined on a split"
