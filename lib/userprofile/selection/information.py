"""How much single features tell of a yes-or-no label."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import mutual_info_score

from userprofile.selection.bins import binned, edges

SHUFFLES = 20  # of the label; the best of them is noise, so that a useless feature seldom exceeds it


def mutual_information(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """[features] nats between the decile (or null) of each column of `values` and the label; 0 tells nothing.

    Binned, since estimators for continuous values take no nulls. Bins make it a little too large by chance:
    compare it with `information_of_noise`, which is too large by as much.
    """
    return _of_codes(_codes(values), label)


def information_of_noise(values: np.ndarray, label: np.ndarray, *, seed: int) -> np.ndarray:
    """[features] the most that a shuffled label, of which nothing can be told, shared with the column."""
    codes, rng = _codes(values), np.random.default_rng(seed)
    return np.max([_of_codes(codes, rng.permutation(label)) for _ in range(SHUFFLES)], axis=0)


def separation(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """[features] area under the ROC curve of each column alone, 0.5 to 1, whichever direction it points to.

    Null counts as below, or as above, every value, whichever separates better: knowing a value may be what tells. NaN
    where the label has one class only. From rank sums: Hanley and McNeil, Radiology 143 (1982).
    """
    positive = label == 1
    yes, no = int(positive.sum()), int((~positive).sum())
    if not yes or not no:
        return np.full(values.shape[1], np.nan)
    areas = []
    for null in (-np.inf, np.inf):
        ranks = rankdata(np.where(np.isnan(values), null, values), axis=0)
        area = (ranks[positive].sum(axis=0) - yes * (yes + 1) / 2) / (yes * no)
        areas.append(np.maximum(area, 1 - area))
    return np.max(areas, axis=0)


def _codes(values: np.ndarray) -> np.ndarray:
    return np.stack([binned(column, edges(column)) for column in values.T], axis=1)


def _of_codes(codes: np.ndarray, label: np.ndarray) -> np.ndarray:
    return np.array([mutual_info_score(None, None, contingency=_table(column, label)) for column in codes.T])


def _table(codes: np.ndarray, label: np.ndarray) -> np.ndarray:
    """[bins, classes] rows in each."""
    return np.bincount(2 * codes + label, minlength=2 * int(codes.max()) + 2).reshape(-1, 2)
