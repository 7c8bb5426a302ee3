"""Attention over whole histories is what loops over users, heads and pairs of events give."""

from __future__ import annotations

import keras
import numpy as np

from userprofile.model.whole_history import AttentiveSummary, BidirectionalEncoder, CrossAttention

WIDTH, HEADS, COUNTS = 6, 2, [5, 3, 0, 1]
RANDOM = np.random.default_rng(2)
PRESENT = np.arange(5) < np.array(COUNTS)[:, None]
EVENTS = (RANDOM.normal(size=(4, 5, 4)) * PRESENT[..., None]).astype(np.float32)
AGES = np.zeros((4, 5), np.float32)


def found_by_hand(
    attention: keras.layers.MultiHeadAttention,
    query: np.ndarray,
    seen: np.ndarray,
    paid: list[np.ndarray] | None = None,
) -> np.ndarray:
    """What one query [D] finds among events [N, F], head by head, whose weights are added to `paid`."""
    weights = {
        name: [np.asarray(weight) for weight in getattr(attention, f"_{name}_dense").get_weights()]
        for name in ("query", "key", "value", "output")
    }
    result = weights["output"][1].copy()
    for head in range(HEADS):
        ask = query @ weights["query"][0][:, head] + weights["query"][1][head]
        keys = seen @ weights["key"][0][:, head] + weights["key"][1][head]
        values = seen @ weights["value"][0][:, head] + weights["value"][1][head]
        scores = np.exp(keys @ ask / np.sqrt(WIDTH // HEADS))
        if paid is not None:
            paid.append(scores / scores.sum())
        result += (scores / scores.sum()) @ values @ weights["output"][0][head]
    return result


def at_random(layer: keras.layers.Layer) -> None:
    layer.set_weights([RANDOM.normal(0, 0.4, weight.shape) for weight in layer.get_weights()])


def normalised(x: np.ndarray, layer: keras.layers.LayerNormalization) -> np.ndarray:
    scale, shift = (np.asarray(weight) for weight in layer.get_weights())
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6) * scale + shift


def test_a_state_of_the_bidirectional_encoder_rests_on_all_events_of_its_user() -> None:
    layer = BidirectionalEncoder(WIDTH, layers=2, heads=HEADS, dropout=0.0)
    layer(EVENTS, PRESENT, AGES)
    at_random(layer)
    states, paid = (np.asarray(found(EVENTS, PRESENT, AGES)) for found in (layer, layer.paid))
    for row, count in enumerate(COUNTS):
        x, weights = EVENTS[row, :count] @ np.asarray(layer.enter.kernel), []
        for number, attention in enumerate(layer.attention):
            seen = normalised(x, layer.before[2 * number])
            x = x + np.array([found_by_hand(attention, one, seen, weights) for one in seen]).reshape(x.shape)
            kernel, bias = (np.asarray(weight) for weight in layer.hidden[number].get_weights())
            inner = normalised(x, layer.before[2 * number + 1]) @ kernel + bias
            hidden = np.asarray(keras.activations.gelu(inner.astype(np.float32)))
            kernel, bias = (np.asarray(weight) for weight in layer.project[number].get_weights())
            x = x + hidden @ kernel + bias
        np.testing.assert_allclose(states[row, :count], normalised(x, layer.leave), atol=1e-4)
        np.testing.assert_array_equal(states[row, count:], 0)
        expected = np.zeros((2, HEADS, 5, 5))
        expected[:, :, :count, :count] = np.reshape(weights, (2, count, HEADS, count)).swapaxes(1, 2)
        np.testing.assert_allclose(paid[row], expected, atol=1e-5)


def test_queries_find_what_they_ask_for_among_the_events_of_their_user() -> None:
    layer, queries = CrossAttention(WIDTH, HEADS), RANDOM.normal(size=(4, 3, 7)).astype(np.float32)
    layer(queries, EVENTS, PRESENT)
    at_random(layer)
    found = np.asarray(layer(queries, EVENTS, PRESENT))
    for row, count in enumerate(COUNTS):
        for place, query in enumerate(queries[row]):
            expected = found_by_hand(layer.attention, query, EVENTS[row, :count]) if count else np.zeros(WIDTH)
            np.testing.assert_allclose(found[row, place], expected, atol=1e-5)


def test_a_summary_is_what_one_query_finds_for_all_users() -> None:
    layer = AttentiveSummary(WIDTH, HEADS)
    summary = np.asarray(layer(EVENTS, PRESENT))
    assert summary.shape == (4, WIDTH)
    query, weights = np.asarray(layer.query)[0, 0], []
    expected = found_by_hand(layer.attention.attention, query, EVENTS[1, :3], weights)
    np.testing.assert_allclose(summary[1], expected, atol=1e-5)
    paid = np.asarray(layer.paid(EVENTS, PRESENT))
    np.testing.assert_allclose(paid[1], np.pad(weights, ((0, 0), (0, 2))), atol=1e-5)
    assert not paid[2].any()
    np.testing.assert_array_equal(summary[2], 0)
