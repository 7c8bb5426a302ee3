"""Steps are taken where what a model says is stepped, a logistic curve where that tells all."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from userprofile.calibration import curve
from userprofile.calibration.curve import FEWEST_ROWS, FOLDS, SEED, _cross_fitted_gain, curve_of, fitted_curve
from userprofile.calibration.error import expected_calibration_error
from userprofile.calibration.isotonic import TILT, IsotonicCurve
from userprofile.calibration.platt import PlattScaling, soft_targets

ROWS = 6_000


def rows_of(shape: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What was said, as log-odds, and what came of it."""
    chance = np.random.default_rng(seed)
    said = chance.normal(0, 2, ROWS)
    true = {
        "calibrated": expit(said),
        "s-shaped": expit(0.4 * said - 0.7),  # far too sure, and too high: what a logistic curve mends
        "stepped": np.select([said < -1, said < 1.5], [0.05, 0.3], 0.6),
    }
    return said, (chance.random(ROWS) < true[shape]).astype(np.float64)


def kind_of(shape: str, seed: int) -> str:
    said, came = rows_of(shape, seed)
    kind: str = fitted_curve(said, came, np.arange(ROWS))["kind"]
    return kind


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("shape", "kind"), [("calibrated", "PlattScaling"), ("s-shaped", "PlattScaling"), ("stepped", "IsotonicCurve")]
)
def test_the_curve_is_that_of_the_shape(shape: str, kind: str, seed: int) -> None:
    assert kind_of(shape, seed) == kind


def test_steps_come_true_on_rows_they_were_not_fitted_on() -> None:
    said, came = rows_of("stepped", 1)
    steps, platt = curve_of(fitted_curve(said, came, np.arange(ROWS))), PlattScaling.fit(said, came)
    later, label = rows_of("stepped", 2)
    errors = [expected_calibration_error(label, one.probability(later)) or 0.0 for one in (steps, platt)]
    assert errors[0] < 0.025 < 0.04 < errors[1]


def test_a_curve_survives_its_json_and_keeps_the_order_of_users() -> None:
    said, came = rows_of("stepped", 1)
    fields = fitted_curve(said, came, np.arange(ROWS))
    assert "the cross-fitted log-loss of isotonic is lower by 0." in fields["because"]
    back = curve_of(json.loads(json.dumps(fields, allow_nan=False)))
    asked = np.linspace(-30, 30, 2_001)
    found = back.probability(asked)
    np.testing.assert_array_equal(found, curve_of(fields).probability(asked))
    assert (np.diff(found) > 0).all()
    assert ((found > 0) & (found < 1)).all()


def by_hand(said: np.ndarray, target: np.ndarray) -> list[tuple[list[float], float]]:
    """Pool adjacent violators: blocks of what was said, and the mean target of each."""
    blocks: list[tuple[list[float], list[float]]] = []
    for one in np.argsort(said):
        blocks.append(([said[one]], [target[one]]))
        while len(blocks) > 1 and np.mean(blocks[-2][1]) >= np.mean(blocks[-1][1]):
            last = blocks.pop()
            blocks[-1] = (blocks[-1][0] + last[0], blocks[-1][1] + last[1])
    return [(of_block, float(np.mean(targets))) for of_block, targets in blocks]


def test_steps_are_those_of_pooling_adjacent_violators() -> None:
    said, came = (values[:300] for values in rows_of("stepped", 3))
    platt = PlattScaling.fit(said, came)
    found = IsotonicCurve.fit(said, came, platt)
    for of_block, mean in by_hand(said, soft_targets(came)):
        for one in of_block:
            expected = (1 - TILT) * logit(mean) + TILT * (platt.slope * one + platt.intercept)
            assert logit(found.probability(np.array([one]))[0]) == pytest.approx(expected, abs=1e-6)


def test_curves_are_compared_on_rows_that_they_have_not_seen() -> None:
    said, came = (values[:1_200] for values in rows_of("stepped", 4))
    rows = np.arange(1_200) // 2  # two cells a row
    fold, expected = np.random.default_rng(SEED).permutation(600) % FOLDS, np.zeros(600)
    for number in range(FOLDS):
        others = fold[rows] != number
        platt = PlattScaling.fit(said[others], came[others])
        steps = IsotonicCurve.fit(said[others], came[others], platt)
        for cell in np.flatnonzero(~others):
            losses = []
            for one in (platt, steps):
                probability = one.probability(said[cell : cell + 1])[0]
                losses.append(-np.log(probability if came[cell] else 1 - probability))
            expected[rows[cell]] += losses[0] - losses[1]
    np.testing.assert_allclose(_cross_fitted_gain(said, came, rows), expected, atol=1e-9)


def test_cells_of_too_few_rows_have_no_steps() -> None:
    said, came = rows_of("stepped", 1)
    assert fitted_curve(said, came, np.arange(ROWS) % (FEWEST_ROWS - 1))["kind"] == "PlattScaling"
    assert fitted_curve(said, came, 7 * (np.arange(ROWS) % FEWEST_ROWS))["kind"] == "IsotonicCurve"


def test_a_model_that_says_the_same_of_all_keeps_platt() -> None:
    _, came = rows_of("calibrated", 1)
    fields = fitted_curve(np.zeros(ROWS), came, np.arange(ROWS))
    assert fields["kind"] == "PlattScaling"
    assert "because" not in fields


def test_of_many_cells_some_decide_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "CELLS", 3_000)
    said, came = rows_of("stepped", 1)
    fields = fitted_curve(said, came, np.arange(ROWS))
    assert fields == fitted_curve(said, came, np.arange(ROWS))
    assert fields["kind"] == "IsotonicCurve"


def test_what_cannot_be_fitted_is_the_identity_and_says_why() -> None:
    fields = fitted_curve(np.arange(3_000.0), np.ones(3_000), np.arange(3_000))
    assert "the label 1" in fields["not_fitted_because"]
    said = np.linspace(-3, 3, 9)
    np.testing.assert_array_equal(curve_of(fields).probability(said), expit(said))
    np.testing.assert_array_equal(curve_of({}).probability(said), expit(said))


def test_a_model_folder_of_before_isotonic_curves_is_read() -> None:
    assert curve_of({"slope": 2.0, "intercept": 1.0, "not_fitted_because": ""}) == PlattScaling(2.0, 1.0)
