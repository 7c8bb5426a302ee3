from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.actions import ActionHabits, ActionMarkov, ActionRates, ActionShares
from userprofile.baselines.purchase import PRIOR_ROWS

CLASSES = (0, 2, 4)
RANDOM = np.random.default_rng(3)
SEQUENCES = [RANDOM.choice([0, 1, 2, 4], size).tolist() for size in RANDOM.integers(0, 8, 60)]
NEXT = RANDOM.choice(CLASSES, 60).tolist()
WINDOWS = [sorted(set(RANDOM.choice([0, 2, 4], size).tolist())) for size in RANDOM.integers(0, 4, 60)]
CODES = pa.list_(pa.int8())
TRAIN = pa.table(
    {
        "sequence_action": pa.array(SEQUENCES, CODES),
        "label_next_action": pa.array(NEXT, pa.int8()),
        "label_window_actions": pa.array(WINDOWS, CODES),
    }
)


def test_rates_are_the_shares_of_what_came_next() -> None:
    expected = [NEXT.count(code) / len(NEXT) for code in CLASSES]
    np.testing.assert_allclose(ActionRates.fit(TRAIN, classes=CLASSES).predict(TRAIN), [expected] * 60)


def test_a_markov_chain_counts_what_followed_the_same_last_action() -> None:
    predicted = ActionMarkov.fit(TRAIN, classes=CLASSES).predict(TRAIN)

    def state(events: list[int]) -> int | None:
        return events[-1] if events and events[-1] in CLASSES else None

    for events, row in zip(SEQUENCES, predicted, strict=True):
        followed = [came for other, came in zip(SEQUENCES, NEXT, strict=True) if state(other) == state(events)]
        drawn = [followed.count(code) + PRIOR_ROWS * NEXT.count(code) / len(NEXT) for code in CLASSES]
        np.testing.assert_allclose(row, np.array(drawn) / sum(drawn))


def test_shares_are_of_rows_whose_window_has_the_action() -> None:
    expected = [sum(code in window for window in WINDOWS) / 60 for code in CLASSES]
    np.testing.assert_allclose(ActionShares.fit(TRAIN, classes=CLASSES).predict(TRAIN), [expected] * 60)


def test_habits_are_shares_of_rows_that_did_it_about_as_often() -> None:
    predicted = ActionHabits.fit(TRAIN, classes=CLASSES).predict(TRAIN)

    def bucket(count: int) -> int:
        return 0 if count == 0 else 1 if count == 1 else 2 if count < 5 else 3

    for events, row in zip(SEQUENCES, predicted, strict=True):
        for place, code in enumerate(CLASSES):
            alike = [bucket(other.count(code)) == bucket(events.count(code)) for other in SEQUENCES]
            did = [code in window for window in WINDOWS]
            doers = sum(one and other for one, other in zip(alike, did, strict=True)) + PRIOR_ROWS * sum(did) / 60
            assert row[place] == pytest.approx(doers / (sum(alike) + PRIOR_ROWS))


def test_who_never_did_anything_and_no_rows_at_all_are_predicted() -> None:
    asked = pa.table({"sequence_action": pa.array([[], [1]], CODES)})
    for rule in (ActionRates, ActionMarkov, ActionShares, ActionHabits):
        fitted = rule.fit(TRAIN, classes=CLASSES)
        assert np.isfinite(fitted.predict(asked)).all()
        assert fitted.predict(asked.slice(0, 0)).shape == (0, 3)
