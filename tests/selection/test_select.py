from __future__ import annotations

import numpy as np
import pytest

from userprofile.errors import DataGateError
from userprofile.selection.judge import Rows, auc, fitted, importance
from userprofile.selection.select import CONSTANT, NOISE, UNIMPORTANT, select

NAMES = ("copy", "strong", "weak", "shifty", "noise_1", "noise_2", "constant", "absent", "one_value_or_null")


def split(rng, rows, *, shifty):
    """`shifty` tells of the label where `shifty` is 1, and of nothing where it is 0."""
    label = (rng.random(rows) < 0.4).astype(int)
    strong = np.round(label * 1.5 + rng.normal(size=rows), 2)
    strong[rng.random(rows) < 0.1] = np.nan
    columns = {
        "copy": np.round(np.exp(strong), 0),
        "strong": strong,
        "weak": label * 0.7 + rng.normal(size=rows),
        "shifty": label * 2.0 * shifty + rng.normal(size=rows),
        "noise_1": rng.normal(size=rows),
        "noise_2": rng.normal(size=rows),
        "constant": np.full(rows, 3.0),
        "absent": np.full(rows, np.nan),
        "one_value_or_null": np.where(rng.random(rows) < 0.5, 1.0, np.nan),
    }
    assert tuple(columns) == NAMES
    return Rows(np.stack(list(columns.values()), axis=1), label)


@pytest.fixture(scope="module")
def splits():
    rng = np.random.default_rng(7)
    return {
        "train": split(rng, 1500, shifty=1),
        "validation": split(rng, 800, shifty=0),
        "test": split(rng, 800, shifty=0),
    }


@pytest.fixture(scope="module")
def chosen(splits):
    return select(splits, NAMES, correlation=0.95, repeats=3, seed=1)


def test_the_useful_stay_and_each_other_has_its_reason(chosen):
    assert chosen.features == ("strong", "weak")
    assert chosen.dropped["copy"].startswith("tells the same as strong, rank correlation 0.9")
    assert {chosen.dropped[name] for name in ("constant", "absent", "one_value_or_null")} == {CONSTANT}
    assert {chosen.dropped[name] for name in ("noise_1", "noise_2")} <= {NOISE, UNIMPORTANT}
    assert sorted([*chosen.features, *chosen.dropped]) == sorted(NAMES)


def test_what_only_train_believes_in_is_dropped_by_validation(chosen):
    assert chosen.dropped["shifty"] == UNIMPORTANT


def test_the_metric_is_shown_before_and_after(chosen):
    assert set(chosen.before) == set(chosen.after) == {"validation", "test"}
    assert chosen.after["test"] > chosen.before["test"]  # the shifty one misled


def test_the_same_rows_give_the_same_selection(splits, chosen):
    assert select(splits, NAMES, correlation=0.95, repeats=3, seed=1) == chosen


def test_a_label_of_one_class_is_refused(splits):
    lost = {**splits, "validation": Rows(splits["validation"].values, np.zeros(800, int))}
    with pytest.raises(DataGateError, match="one kind only in validation"):
        select(lost, NAMES, correlation=0.95, repeats=1, seed=1)


def test_a_test_split_of_one_class_has_no_metric(splits):
    blind = {**splits, "test": Rows(splits["test"].values, np.zeros(800, int))}
    assert select(blind, NAMES, correlation=0.95, repeats=1, seed=1).after["test"] is None


def test_nothing_left_is_refused(splits):
    useless = np.array([NAMES.index(name) for name in ("constant", "absent")])
    with pytest.raises(DataGateError, match="no feature tells anything"):
        select({name: rows.of(useless) for name, rows in splits.items()}, NAMES[6:8], correlation=1, repeats=1, seed=1)


def test_importance_is_the_fall_of_the_metric(splits):
    columns = np.array([NAMES.index(name) for name in ("strong", "noise_1")])
    train, validation = splits["train"].of(columns), splits["validation"].of(columns)
    model = fitted(train, seed=1)
    strong, noise = importance(model, validation, repeats=3, seed=1)
    assert strong > 0.1 > abs(noise)
    assert auc(model, validation) > 0.7
