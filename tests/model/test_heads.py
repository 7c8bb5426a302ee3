from __future__ import annotations

import math

import numpy as np

from userprofile.model.heads import (
    HABIT_START,
    HABIT_STEP,
    LEAST_DEVIATION,
    AmountHead,
    HabitHead,
    ScalarHead,
    TaskWeights,
    VectorHead,
)

RANDOM = np.random.default_rng(17)
EMBEDDING = RANDOM.normal(size=(4, 3)).astype(np.float32)


def test_a_scalar_head_is_linear_and_begins_at_its_initial_value() -> None:
    head = ScalarHead(initial=7.5)
    np.testing.assert_array_equal(np.asarray(head(EMBEDDING)), np.full(4, 7.5))
    head.set_weights([np.array([1.0, -2.0, 0.5]), np.array(3.0)])
    expected = [row[0] - 2 * row[1] + 0.5 * row[2] + 3 for row in EMBEDDING]
    np.testing.assert_allclose(np.asarray(head(EMBEDDING)), expected, rtol=1e-5)


def test_a_vector_head_is_linear_and_begins_at_zero() -> None:
    head = VectorHead(2)
    np.testing.assert_array_equal(np.asarray(head(EMBEDDING)), np.zeros((4, 2)))
    kernel, bias = RANDOM.normal(size=(3, 2)), np.array([0.1, -0.1])
    head.set_weights([kernel, bias])
    np.testing.assert_allclose(np.asarray(head(EMBEDDING)), EMBEDDING @ kernel + bias, rtol=1e-4)


def test_an_untrained_amount_is_what_the_docstring_says() -> None:
    said = {name: np.asarray(values) for name, values in AmountHead(7.6, name="spend")(EMBEDDING).items()}
    expected = {"chance_logit": 0.0, "mean": 7.6, "deviation": LEAST_DEVIATION + math.log(2)}
    for name, value in expected.items():
        np.testing.assert_allclose(said[f"spend_{name}"], np.full(4, value), rtol=1e-6)


def test_a_habit_head_adds_habit_to_what_the_embedding_says() -> None:
    head, plain = HabitHead(2), np.array([[0, 3], [1, 0], [0, 0], [5, 5]], np.float32)
    counts = np.stack([plain, plain / 2], axis=-1)
    np.testing.assert_allclose(np.asarray(head(EMBEDDING, counts)), HABIT_START * np.log1p(plain), rtol=1e-6)
    habit, kernel, bias = np.array([[0.5, 2.0], [1.5, -1.0]]), RANDOM.normal(size=(3, 2)), np.array([0.1, -0.1])
    shared = np.array([0.2, 0.7])
    head.habit.assign(habit)
    head.shared.assign(shared / HABIT_STEP)
    head.linear.set_weights([kernel, bias])
    for row, given, logits in zip(EMBEDDING, counts, np.asarray(head(EMBEDDING, counts)), strict=True):
        expected = [
            sum(x * w for x, w in zip(row, kernel[:, c], strict=True))
            + bias[c]
            + sum(h * np.log(1 + n) for h, n in zip(habit[c] + shared, given[c], strict=True))
            for c in (0, 1)
        ]
        np.testing.assert_allclose(logits, expected, rtol=1e-5)


def test_task_weights_are_the_same_for_all_users() -> None:
    weights = TaskWeights(2)
    np.testing.assert_array_equal(np.asarray(weights(EMBEDDING)), np.zeros((4, 2)))
    weights.log_variances.assign([0.5, -1.0])
    np.testing.assert_allclose(np.asarray(weights(EMBEDDING)), [[0.5, -1.0]] * 4)
