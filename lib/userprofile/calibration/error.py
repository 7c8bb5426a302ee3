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
