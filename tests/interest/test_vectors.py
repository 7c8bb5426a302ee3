from __future__ import annotations

import math

import numpy as np

from userprofile.interest.vectors import EventVectors, Histories, category_means, interests, units


def plain_vector(vectors: EventVectors, item: int, category: int) -> list[float]:
    return [float(one + other) for one, other in zip(vectors.item[item], vectors.category[category], strict=True)]


def plain_interest(weights, events) -> list[float]:
    summed = [math.fsum(w * event[place] for w, event in zip(weights, events, strict=True)) for place in range(7)]
    length = math.sqrt(math.fsum(value * value for value in summed))
    return [value / length if length else 0.0 for value in summed]


def test_an_event_is_its_item_beside_its_category_each_of_length_one(vectors) -> None:
    assert vectors.width == 7
    for item in range(2, 9):
        for category in range(2, 6):
            both = plain_vector(vectors, item, category)
            assert math.isclose(math.hypot(*both[:4]), 1, rel_tol=1e-6)
            assert math.isclose(math.hypot(*both[4:]), 1, rel_tol=1e-6)


def test_what_is_unknown_or_none_has_no_vector_and_its_category_speaks_for_it(vectors, batch, histories) -> None:
    assert not vectors.item[:2].any()
    assert not vectors.category[:2].any()
    for user, place in np.ndindex(histories.known.shape):
        item, category = (int(batch[name][user, place]) for name in ("sequence_item", "sequence_category"))
        assert histories.known[user, place] == (item > 1 or category > 1)
        assert histories.vectors[user, place].tolist() == plain_vector(vectors, item, category)


def test_an_interest_is_the_weighted_sum_to_length_one(histories) -> None:
    weights = np.random.default_rng(4).random(histories.known.shape)
    expected = [plain_interest(row, events) for row, events in zip(weights, histories.vectors, strict=True)]
    found = interests(histories, weights)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[-1].tolist() == [0.0] * 7
    assert found.dtype == np.float32


def test_turned_vectors_turn_the_interests_and_keep_their_angles(vectors, batch, histories) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(7, 7)))
    weights = np.ones(histories.known.shape)
    before = interests(histories, weights)
    after = interests(Histories.of_batch(batch, vectors.turned(rotation)), weights)
    np.testing.assert_allclose(after, before @ rotation, atol=1e-6)
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-5)


def test_a_category_is_the_mean_of_its_events(batch, histories) -> None:
    category = batch["sequence_category"]
    found = category_means(histories, category, 7)
    for index in range(7):
        events = histories.vectors[(category == index) & histories.known]
        expected = [sum(event[place] for event in events) / max(len(events), 1) for place in range(7)]
        np.testing.assert_allclose(found[index], expected, atol=1e-6)
    assert not found[6].any()


def test_nothing_has_no_direction() -> None:
    assert units(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[0.6, 0.8], [0.0, 0.0]]
