from __future__ import annotations

import numpy as np
import pytest

from userprofile.calibration.error import calibration_error_above_chance, expected_calibration_error


def error_by_hand(label: list[float], probability: list[float], bins: int) -> float:
    rows = sorted(zip(probability, label, strict=True), key=lambda row: row[0])
    size, total = len(rows) // bins, 0.0
    for number in range(bins):
        part = rows[number * size : (number + 1) * size]
        total += abs(sum(p for p, _ in part) - sum(y for _, y in part))
    return total / len(rows)


def test_the_error_is_its_formula() -> None:
    random = np.random.default_rng(10)
    label, probability = random.integers(0, 2, 60).astype(float), random.random(60)
    expected = error_by_hand(label.tolist(), probability.tolist(), 15)
    assert expected_calibration_error(label, probability) == pytest.approx(expected)


def test_sanity_values() -> None:
    assert expected_calibration_error(np.zeros(40), np.full(40, 0.5)) == pytest.approx(0.5)
    assert expected_calibration_error(np.tile([0.0, 1.0], 30), np.full(60, 0.5), bins=1) == 0
    assert expected_calibration_error(np.array([1.0]), np.array([1.0])) == 0
    assert expected_calibration_error(np.empty(0), np.empty(0)) is None


def test_perfect_probabilities_are_above_chance_by_nothing_and_wrong_ones_by_how_wrong_they_are() -> None:
    rng = np.random.default_rng(8)
    chance = rng.uniform(0.2, 0.7, 3_000)
    above = [calibration_error_above_chance(rng.random(3_000) < chance, chance) for _ in range(30)]
    assert np.mean(above) == pytest.approx(0, abs=0.002)
    assert expected_calibration_error(rng.random(3_000) < chance, chance) > 0.01
    wrong = calibration_error_above_chance(rng.random(3_000) < chance, chance + 0.2)
    assert wrong == pytest.approx(0.2 - 0.02, abs=0.015)
    assert calibration_error_above_chance(np.empty(0), np.empty(0)) is None
