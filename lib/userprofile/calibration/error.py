"""How far stated probabilities are from what happened."""

from __future__ import annotations

import numpy as np


def expected_calibration_error(label: np.ndarray, probability: np.ndarray, bins: int = 15) -> float | None:
    """Mean over rows of |mean label - mean probability| of the row's bin; None without rows.

    Bins hold equally many rows, in order of probability (Nguyen & O'Connor 2015, arXiv:1508.05154). Rows that all say
    0.5 where nobody bought have 0.5.
    """
    if not len(label):
        return None
    order = np.argsort(probability, kind="stable")
    gaps = [
        len(rows) * abs(float(np.mean(label[rows])) - float(np.mean(probability[rows])))
        for rows in np.array_split(order, min(bins, len(order)))
    ]
    return sum(gaps) / len(label)


def calibration_error_above_chance(
    label: np.ndarray, probability: np.ndarray, *, bins: int = 15, simulations: int = 200, seed: int = 7
) -> float | None:
    """The expected calibration error, less its mean over labels drawn from these very probabilities.

    Even perfect probabilities have an error, the larger the fewer rows; of them this is 0 in the mean, and it may fall
    below. None without rows.
    """
    error, rng = expected_calibration_error(label, probability, bins), np.random.default_rng(seed)
    if error is None:
        return None
    drawn = (rng.random(len(probability)) < probability for _ in range(simulations))
    return error - float(np.mean([expected_calibration_error(labels, probability, bins) for labels in drawn]))
