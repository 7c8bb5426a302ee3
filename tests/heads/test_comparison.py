"""Whether a model is worse than another beyond noise."""

from __future__ import annotations

import numpy as np
import pytest

from userprofile.heads.comparison import compared
from userprofile.heads.every import HEADS

USERS = 400
HOW = {"among": 8, "draws": 100, "seed": 7}


def churn(noise: float, seed: int) -> dict[str, np.ndarray]:
    """A judgement of the same users' labels; more noise, worse probabilities."""
    label = np.random.default_rng(1).integers(2, size=USERS).astype(float)
    said = label + noise * np.random.default_rng(seed).normal(size=USERS)
    return {"label": label, "predicted": 1 / (1 + np.exp(-said))}


def spend(off: float) -> dict[str, np.ndarray]:
    label = np.random.default_rng(2).gamma(2.0, 500.0, size=USERS)
    return {"label": label, "predicted": label + off}


def test_the_same_judgement_is_no_worse():
    same = compared(HEADS["churn"], churn(1, 3), churn(1, 3), **HOW)
    assert (same.gain, same.low, same.high, same.is_worse) == (0, 0, 0, False)


def test_a_much_worse_model_is_worse_and_a_better_one_is_not():
    good, bad = churn(0.5, 3), churn(5, 4)
    worse = compared(HEADS["churn"], bad, good, **HOW)
    assert worse.is_worse
    assert worse.new == pytest.approx(HEADS["churn"].metrics(bad)["auc"])
    assert not compared(HEADS["churn"], good, bad, **HOW).is_worse


def test_a_difference_that_other_users_would_undo_is_noise():
    one, other = churn(2, 5), churn(2, 6)
    assert not any(compared(HEADS["churn"], *pair, **HOW).is_worse for pair in ((one, other), (other, one)))


def test_of_many_comparisons_one_that_is_just_worse_is_noise():
    good, slightly_worse = churn(1.2, 3), churn(1.7, 4)
    alone = compared(HEADS["churn"], slightly_worse, good, **HOW | {"among": 1})
    assert alone.is_worse
    assert not compared(HEADS["churn"], slightly_worse, good, **HOW | {"among": 1000}).is_worse


def test_models_of_one_kind_are_seldom_told_apart():
    pairs = [(churn(2, seed), churn(2, seed + 1000)) for seed in range(100)]
    worse = [compared(HEADS["churn"], *pair, **HOW | {"among": 1}).is_worse for pair in pairs]
    assert sum(worse) <= 8  # 2.5 expected


def test_of_an_error_the_smaller_is_better():
    worse = compared(HEADS["spend"], spend(90), spend(10), **HOW)
    assert worse.is_worse
    assert worse.gain == pytest.approx(-80)
    assert worse.told().startswith("spend: mae 90 against 10 (gain -80 to -80)")


def test_rows_without_the_label_do_not_count_and_without_both_classes_there_is_nothing_to_say():
    judgement = churn(1, 3)
    unknown = {name: np.append(values, np.nan) for name, values in judgement.items()}
    assert compared(HEADS["churn"], unknown, unknown, **HOW).new == pytest.approx(
        compared(HEADS["churn"], judgement, judgement, **HOW).new
    )
    constant = {**judgement, "label": np.ones(USERS)}
    assert compared(HEADS["churn"], constant, constant, **HOW) is None
