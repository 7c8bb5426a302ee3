from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from userprofile.model.losses import next_categories_loss, purchase_loss, spend_loss, weighted_losses

RANDOM = np.random.default_rng(4)
LOGIT, LOG1P, LOGITS = RANDOM.normal(0, 3, 8), RANDOM.normal(7, 2, 8), RANDOM.normal(size=(8, 5))
BOUGHT = RANDOM.integers(0, 2, 8).astype(np.float64)
SPENT = BOUGHT * RANDOM.integers(1, 9000, 8)
CATEGORIES = (RANDOM.random((8, 5)) < 0.4).astype(np.float64)
CATEGORIES[0] = 0


def purchase_by_hand(logit: float, label: float) -> float:
    chance = 1 / (1 + math.exp(-logit))
    return -math.log(chance if label else 1 - chance)


def spend_by_hand(log1p: float, spend: float) -> float:
    if spend == 0:
        return 0.0
    error = abs(log1p - math.log(1 + spend))
    return 0.5 * error**2 if error <= 1 else error - 0.5


def next_categories_by_hand(logits: np.ndarray, multi_hot: np.ndarray) -> float:
    total = sum(math.exp(logit) for logit in logits)
    bought = [-math.log(math.exp(logit) / total) for logit, hot in zip(logits, multi_hot, strict=True) if hot]
    return sum(bought) / len(bought) if bought else 0.0


@pytest.mark.parametrize(
    ("loss", "by_hand", "predicted", "label"),
    [
        (purchase_loss, purchase_by_hand, LOGIT, BOUGHT),
        (spend_loss, spend_by_hand, LOG1P, SPENT),
        (next_categories_loss, next_categories_by_hand, LOGITS, CATEGORIES),
    ],
)
def test_a_loss_is_its_formula_row_by_row(loss: Any, by_hand: Any, predicted: np.ndarray, label: np.ndarray) -> None:
    rows = np.asarray(loss(predicted.astype(np.float32), label.astype(np.float32)))
    expected = [by_hand(*row) for row in zip(predicted, label, strict=True)]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-6)


def test_what_knows_nothing_has_the_loss_that_the_docstrings_say() -> None:
    zeros = np.zeros(3, np.float32)
    np.testing.assert_allclose(
        np.asarray(purchase_loss(zeros, np.array([0, 1, 1], np.float32))), math.log(2), rtol=1e-6
    )
    np.testing.assert_allclose(
        np.asarray(next_categories_loss(np.zeros((3, 7)), np.eye(7)[:3])), math.log(7), rtol=1e-6
    )
    np.testing.assert_allclose(
        np.asarray(spend_loss(np.ones(1, np.float32), np.array([math.e**2 - 1], np.float32))), 0.5, rtol=1e-5
    )


def test_a_confident_logit_neither_overflows_nor_loses_its_price() -> None:
    losses = np.asarray(purchase_loss(np.array([200, -200], np.float32), np.zeros(2, np.float32)))
    np.testing.assert_allclose(losses, [200, 0], atol=1e-6)


def test_losses_are_weighted_sums_and_rows_of_weight_zero_add_nothing() -> None:
    outputs = {"purchase_logit": LOGIT, "spend_log1p": LOG1P, "category_logits": LOGITS}
    labels = {"label_purchase": BOUGHT, "label_spend": SPENT, "label_next_categories": CATEGORIES}
    weight = np.array([1, 1, 1, 2, 1, 0, 0, 0], np.float64)
    whole = weighted_losses(_float32(outputs), _float32({**labels, "weight": weight}))
    kept = weighted_losses(
        _float32({name: values[:5] for name, values in outputs.items()}),
        _float32({name: values[:5] for name, values in {**labels, "weight": weight}.items()}),
    )
    by_hand = sum(w * purchase_by_hand(*row) for w, *row in zip(weight, LOGIT, BOUGHT, strict=True))
    assert float(whole["purchase"]) == pytest.approx(by_hand, rel=1e-4)
    assert {k: float(v) for k, v in whole.items()} == pytest.approx({k: float(v) for k, v in kept.items()}, rel=1e-5)


def test_there_is_no_category_loss_without_that_head() -> None:
    outputs = _float32({"purchase_logit": LOGIT, "spend_log1p": LOG1P})
    batch = _float32({"label_purchase": BOUGHT, "label_spend": SPENT, "weight": np.ones(8)})
    assert set(weighted_losses(outputs, batch)) == {"purchase", "spend"}


def _float32(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.astype(np.float32) for name, values in arrays.items()}
