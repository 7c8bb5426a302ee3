"""The attention encoders are what loops over users, heads and pairs of events give."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from userprofile.model.encoders import AttentionEncoder, sequence_encoder

WIDTH, HEADS, LONGEST = 6, 2, 7
COUNTS = [7, 3, 0, 1, 5, 7, 2]


def batch(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events, which of them are present, and their ages, of users with COUNTS events."""
    chance = np.random.default_rng(seed)
    present = np.arange(LONGEST) < np.array(COUNTS)[:, None]
    events = chance.normal(size=(len(COUNTS), LONGEST, 4)) * present[..., None]
    ages = -np.sort(-chance.exponential(3, (len(COUNTS), LONGEST)), axis=1) * present
    return events.astype(np.float32), present, ages.astype(np.float32)


def encoder(kind: str) -> AttentionEncoder:
    """With every weight at random, those that begin as zero or one too."""
    layer = sequence_encoder(kind, longest=LONGEST, width=WIDTH, layers=2, heads=HEADS, dropout=0.0, name="history")
    layer(*batch())
    chance = np.random.default_rng(3)
    layer.set_weights([chance.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    return layer


def normalised(x: np.ndarray, layer: keras.layers.LayerNormalization) -> np.ndarray:
    scale, shift = (np.asarray(weight) for weight in layer.get_weights())
    return (x - x.mean()) / np.sqrt(x.var() + 1e-6) * scale + shift


def linear(x: np.ndarray, layer: keras.layers.Dense) -> np.ndarray:
    kernel, *bias = (np.asarray(weight) for weight in layer.get_weights())
    return x @ kernel + (bias[0] if bias else 0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(keras.activations.gelu(x.astype(np.float32)))


def bias_by_hand(layer: AttentionEncoder, ages: np.ndarray, i: int, j: int, head: int) -> float:
    minutes = abs(float(ages[i]) - float(ages[j])) * 1440
    by_distance, by_time = (np.asarray(weight) for weight in layer.bias.get_weights())
    return float(by_distance[i - j, head] + by_time[int(min(np.log2(1 + minutes), 21)), head])


def attended(
    layer: AttentionEncoder, kind: str, parts: list[np.ndarray], ages: np.ndarray, i: int, paid: list[np.ndarray]
) -> np.ndarray:
    """What event i gets of itself and those before it, head by head, whose weights are added to `paid`."""
    queries, keys, values = parts
    size, result = WIDTH // HEADS, []
    for head in range(HEADS):
        own = slice(head * size, (head + 1) * size)
        scale = 1 if kind == "hstu" else size**0.5
        scores = np.array(
            [queries[i, own] @ keys[j, own] / scale + bias_by_hand(layer, ages, i, j, head) for j in range(i + 1)]
        )
        weights = scores * sigmoid(scores) / LONGEST if kind == "hstu" else np.exp(scores) / np.exp(scores).sum()
        paid.append(weights)
        result.append(sum(weight * values[j, own] for j, weight in enumerate(weights)))
    return np.concatenate(result)


def by_hand(
    layer: AttentionEncoder, kind: str, events: np.ndarray, ages: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The states of one user, an event at a time, and the weights by layer, event and head."""
    x, paid = linear(events, layer.enter), []
    for block in layer.blocks:
        if kind == "transformer":
            apart = [
                np.split(linear(normalised(one, block.before_attention), block.queries_keys_values), 3) for one in x
            ]
            parts = [np.array([one[part] for one in apart]) for part in range(3)]
            seen = [attended(layer, kind, parts, ages, i, paid) for i in range(len(x))]
            x = np.array([one + linear(seen[i], block.attended) for i, one in enumerate(x)])
            hidden = [gelu(linear(normalised(one, block.before_hidden), block.hidden)) for one in x]
            x = x + np.array([linear(one, block.project) for one in hidden])
        else:
            apart = [linear(normalised(one, block.before), block.split) for one in x]
            gate, values, queries, keys = np.split(np.array([one * sigmoid(one) for one in apart]), 4, axis=1)
            seen = [attended(layer, kind, [queries, keys, values], ages, i, paid) for i in range(len(x))]
            gated = [normalised(one, block.after) * gate[i] for i, one in enumerate(seen)]
            x = x + np.array([linear(one, block.project) for one in gated])
    return np.array([normalised(one, layer.leave) for one in x]), paid


@pytest.mark.parametrize("kind", ["transformer", "hstu"])
def test_states_are_those_of_loops(kind: str) -> None:
    layer, (events, present, ages) = encoder(kind), batch()
    states = np.asarray(layer(events, present, ages))
    for user, count in enumerate(COUNTS):
        if count:
            expected, _ = by_hand(layer, kind, events[user, :count].astype(float), ages[user])
            np.testing.assert_allclose(states[user, :count], expected, atol=2e-4)
        np.testing.assert_array_equal(states[user, count:], 0)


@pytest.mark.parametrize("kind", ["transformer", "hstu"])
def test_what_an_event_pays_is_that_of_loops(kind: str) -> None:
    layer, (events, present, ages) = encoder(kind), batch()
    paid = np.asarray(layer.paid(events, present, ages))
    for user, count in enumerate(COUNTS):
        expected = np.zeros((2, HEADS, LONGEST, LONGEST))
        if count:
            _, weights = by_hand(layer, kind, events[user, :count].astype(float), ages[user])
            for place, of_event in enumerate(weights):
                block, event, head = np.unravel_index(place, (2, count, HEADS))
                expected[block, head, event, : event + 1] = of_event
        np.testing.assert_allclose(paid[user], expected, atol=2e-4)
        if kind == "transformer":
            np.testing.assert_allclose(paid[user, :, :, :count].sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["gru", "lstm", "transformer", "hstu"])
def test_a_state_rests_on_nothing_later_and_on_nobody_else(kind: str) -> None:
    events, present, ages = batch()
    layer = sequence_encoder(kind, longest=LONGEST, width=WIDTH, layers=2, heads=HEADS, dropout=0.0, name="history")
    states = np.asarray(layer(events, present, ages))
    events[0, 4:] += 1
    ages[0, 4:] /= 2
    events[1, :3] += 1
    moved = np.asarray(layer(events, present, ages))
    np.testing.assert_allclose(moved[0, :4], states[0, :4], atol=1e-6)
    np.testing.assert_allclose(moved[2:], states[2:], atol=1e-6)
    assert np.abs(moved[0, 4:] - states[0, 4:]).min(axis=-1).max() > 0
    assert np.abs(moved[1, 0] - states[1, 0]).max() > 1e-3
