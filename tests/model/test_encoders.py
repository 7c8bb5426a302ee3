from __future__ import annotations

import numpy as np
import pytest

from userprofile.model.encoders import IndexCounts, MaskedMean, sequence_encoder
from userprofile.model.positions import LastState


def gru_by_hand(events: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One user's state after each event in turn: update gate, reset gate, candidate."""
    width = recurrent.shape[0]
    state = np.zeros(width)
    for event in events:
        given, kept = event @ kernel + bias[0], state @ recurrent + bias[1]
        update, reset = (1 / (1 + np.exp(-(given + kept)[gate * width : (gate + 1) * width])) for gate in (0, 1))
        candidate = np.tanh(given[2 * width :] + reset * kept[2 * width :])
        state = update * state + (1 - update) * candidate
    return state


def test_the_gru_is_the_state_after_the_last_event_and_zero_without_events() -> None:
    random = np.random.default_rng(1)
    events, counts = random.normal(size=(4, 5, 3)).astype(np.float32), [5, 2, 0, 1]
    present = np.arange(5) < np.array(counts)[:, None]
    layer = sequence_encoder("gru", longest=5, width=4, layers=1, heads=1, dropout=0.0, name="history")
    states = np.asarray(LastState()(layer(events, present, np.zeros((4, 5), np.float32)), present))
    weights = [np.asarray(weight) for weight in layer.recurrent.get_weights()]
    for row, count in enumerate(counts):
        expected = gru_by_hand(events[row, :count], *weights) if count else np.zeros(4)
        np.testing.assert_allclose(states[row], expected, atol=1e-5)


def lstm_by_hand(events: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """One user's state after each event in turn: input gate, forget gate, candidate, output gate."""
    state, memory = np.zeros(recurrent.shape[0]), np.zeros(recurrent.shape[0])
    for event in events:
        given, kept, candidate, shown = np.split(event @ kernel + state @ recurrent + bias, 4)
        sigmoids = (1 / (1 + np.exp(-gate)) for gate in (given, kept, shown))
        given, kept, shown = sigmoids
        memory = kept * memory + given * np.tanh(candidate)
        state = shown * np.tanh(memory)
    return state


def test_the_lstm_is_the_state_after_the_last_event_and_zero_without_events() -> None:
    random = np.random.default_rng(2)
    events, counts = random.normal(size=(4, 5, 3)).astype(np.float32), [5, 2, 0, 1]
    present = np.arange(5) < np.array(counts)[:, None]
    layer = sequence_encoder("lstm", longest=5, width=4, layers=1, heads=1, dropout=0.0, name="history")
    states = np.asarray(LastState()(layer(events, present, np.zeros((4, 5), np.float32)), present))
    weights = [np.asarray(weight) for weight in layer.recurrent.get_weights()]
    for row, count in enumerate(counts):
        expected = lstm_by_hand(events[row, :count], *weights) if count else np.zeros(4)
        np.testing.assert_allclose(states[row], expected, atol=1e-5)


def test_the_mean_is_over_events_that_are_there() -> None:
    events = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    means = np.asarray(MaskedMean()(events, np.array([[True, True, False], [False, False, False]])))
    np.testing.assert_allclose(means, [[1, 2], [0, 0]])


def test_counts_are_of_events_by_index_plain_and_faded() -> None:
    index = np.array([[3, 1, 3, 0], [0, 2, 1, 0], [0, 0, 0, 0]], np.int32)
    ages = np.array([[30.0, 7.0, 0.0, 0.0], [90.0, 60.0, 1.0, 0.0], [0.0] * 4], np.float32)
    counted = [3, 1, 1, 4]
    counts = np.asarray(IndexCounts(counted, size=5)(index, ages))
    assert counts.shape == (3, 4, 4)
    for row, of_row, result in zip(index.tolist(), ages.tolist(), counts.tolist(), strict=True):
        for asked, found in zip(counted, result, strict=True):
            its = [age for place, age in zip(row, of_row, strict=True) if place == asked]
            faded = [sum(0.5 ** (age / half_life) for age in its) for half_life in (7, 30, 90)]
            assert found == pytest.approx([len(its), *faded], rel=1e-5)
