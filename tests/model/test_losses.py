from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from userprofile.model.losses import (
    amount_loss,
    any_of_shares_loss,
    binary_loss,
    class_loss,
    hazard_loss,
    listed_loss,
    many_binary_loss,
    shares_loss,
)

RANDOM = np.random.default_rng(4)
LOGIT, LOGITS = RANDOM.normal(0, 3, 8), RANDOM.normal(size=(8, 5))
MEAN, DEVIATION = RANDOM.normal(7, 2, 8), RANDOM.uniform(0.2, 2, 8)
BOUGHT = RANDOM.integers(0, 2, 8).astype(np.float64)
SPENT = BOUGHT * RANDOM.integers(1, 9000, 8)
LABEL = np.where(np.arange(8) % 3 == 0, np.nan, BOUGHT)
HOT = (RANDOM.random((8, 5)) < 0.4).astype(np.float64)
HOT[0] = 0
PLACE, INTERVAL = RANDOM.integers(-1, 5, 8), RANDOM.integers(0, 6, 8)
LISTED = np.array([[c + 1 for c in range(5) if hot[c]] + [0] * int(5 - hot.sum()) for hot in HOT])


def logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def binary_by_hand(logit: float, label: float) -> float:
    return 0.0 if math.isnan(label) else -math.log(logistic(logit) if label else 1 - logistic(logit))


def amount_by_hand(logit: float, mean: float, deviation: float, amount: float) -> float:
    whether = binary_by_hand(logit, float(amount > 0))
    if not amount:
        return whether
    z = (math.log(amount) - mean) / deviation
    return whether - math.log(math.exp(-0.5 * z * z) / (deviation * math.sqrt(2 * math.pi)))


def class_by_hand(logits: np.ndarray, place: int) -> float:
    return 0.0 if place < 0 else -math.log(math.exp(logits[place]) / sum(math.exp(one) for one in logits))


def shares_by_hand(logits: np.ndarray, multi_hot: np.ndarray) -> float:
    losses = [class_by_hand(logits, place) for place, hot in enumerate(multi_hot) if hot]
    return sum(losses) / len(losses) if losses else 0.0


def any_by_hand(logit: float, logits: np.ndarray, multi_hot: np.ndarray) -> float:
    return binary_by_hand(logit, float(multi_hot.any())) + shares_by_hand(logits, multi_hot)


def listed_by_hand(logits: np.ndarray, listed: np.ndarray) -> float:
    return shares_by_hand(logits, np.isin(np.arange(5) + 1, listed))


def many_by_hand(logits: np.ndarray, multi_hot: np.ndarray) -> float:
    return sum(binary_by_hand(*pair) for pair in zip(logits, multi_hot, strict=True)) / 5


def hazard_by_hand(logits: np.ndarray, interval: int) -> float:
    likelihood = math.prod(1 - logistic(one) for one in logits[:interval])
    return -math.log(likelihood * (logistic(logits[interval]) if interval < 5 else 1))


@pytest.mark.parametrize(
    ("loss", "by_hand", "given"),
    [
        (binary_loss, binary_by_hand, (LOGIT, LABEL)),
        (amount_loss, amount_by_hand, (LOGIT, MEAN, DEVIATION, SPENT)),
        (class_loss, class_by_hand, (LOGITS, PLACE)),
        (shares_loss, shares_by_hand, (LOGITS, HOT)),
        (any_of_shares_loss, any_by_hand, (LOGIT, LOGITS, HOT)),
        (listed_loss, listed_by_hand, (LOGITS, LISTED)),
        (many_binary_loss, many_by_hand, (LOGITS, HOT)),
        (hazard_loss, hazard_by_hand, (LOGITS, INTERVAL)),
    ],
)
def test_a_loss_is_its_formula_row_by_row(loss: Any, by_hand: Any, given: tuple[np.ndarray, ...]) -> None:
    kinds = {"f": np.float32, "i": np.int32}
    rows = np.asarray(loss(*(one.astype(kinds[one.dtype.kind]) for one in given)))
    np.testing.assert_allclose(rows, [by_hand(*row) for row in zip(*given, strict=True)], rtol=1e-4, atol=1e-5)


def test_what_knows_nothing_has_the_loss_that_the_docstrings_say() -> None:
    zeros, zero = np.zeros((3, 7), np.float32), np.zeros(3, np.float32)
    one_hot = np.eye(7, dtype=np.float32)[:3]
    ln2, ln7 = math.log(2), math.log(7)
    untold = [
        (binary_loss(zero, np.array([0, 1, 1], np.float32)), ln2),
        (amount_loss(zero, zero + 2, zero + 1, zero), ln2),
        (amount_loss(zero, zero + 2, zero + 1, zero + np.float32(math.e**2)), ln2 + 0.5 * math.log(2 * math.pi)),
        (class_loss(zeros, np.array([0, 3, 6], np.int32)), ln7),
        (shares_loss(zeros, one_hot), ln7),
        (any_of_shares_loss(zero, zeros, one_hot), ln2 + ln7),
        (listed_loss(zeros, np.array([[1, 0], [2, 3], [7, 0]], np.int32)), ln7),
        (many_binary_loss(zeros, one_hot), ln2),
        (hazard_loss(zeros, np.array([0, 0, 0], np.int32)), ln2),
        (hazard_loss(zeros, np.array([7, 7, 7], np.int32)), 7 * ln2),
    ]
    for losses, expected in untold:
        np.testing.assert_allclose(np.asarray(losses), np.full(3, expected), rtol=1e-5)


def test_a_confident_logit_neither_overflows_nor_loses_its_price() -> None:
    losses = np.asarray(binary_loss(np.array([200, -200], np.float32), np.zeros(2, np.float32)))
    np.testing.assert_allclose(losses, [200, 0], atol=1e-6)


def test_a_row_without_a_label_has_no_gradient() -> None:
    import tensorflow as tf

    logit = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(binary_loss(logit, tf.constant([math.nan, 1.0])))
    assert tape.gradient(loss, logit).numpy() == pytest.approx([0, logistic(2) - 1])
