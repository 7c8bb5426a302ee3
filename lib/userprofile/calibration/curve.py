"""The curve that makes probabilities come true: Platt's, or an isotonic one where that is better on unseen rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from userprofile.calibration.isotonic import IsotonicCurve
from userprofile.calibration.platt import PlattScaling

Curve = PlattScaling | IsotonicCurve
Json = dict[str, Any]

# Of validation rows. With fewer, steps follow chance (scikit-learn's guide warns below so many).
FEWEST_ROWS, FOLDS, SEED = 1_000, 5, 7

# Cells that curves are fitted on, at most.
CELLS = 50_000

# By how much steps must be better, so that chance seldom chooses them.
STANDARD_ERRORS = 2

# Of a probability in a logarithm.
LEAST = 1e-12


def fitted_curve(logit: np.ndarray, label: np.ndarray, row: np.ndarray) -> Json:
    """What curve_of reads, of cells [N]: what was said, what came, 0 or 1, and the validation row that each is of.

    Both curves are fitted FOLDS times on the other rows. The isotonic one is taken where its log-loss on the rows left
    out is lower by more than STANDARD_ERRORS over rows, then fitted on all.
    """
    if len(logit) > CELLS:
        some = np.random.default_rng(SEED).choice(len(logit), CELLS, replace=False)
        logit, label, row = logit[some], label[some], row[some]
    platt, rows = PlattScaling.fit(logit, label), np.unique(row, return_inverse=True)[1]
    if platt.not_fitted_because or rows.max() + 1 < FEWEST_ROWS or not np.ptp(logit):
        return _fields(platt)
    gain = _cross_fitted_gain(logit, label, rows)
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    is_better = gain.mean() > STANDARD_ERRORS * error
    chosen: Curve = IsotonicCurve.fit(logit, label, platt) if is_better else platt
    told = f"the cross-fitted log-loss of isotonic is lower by {gain.mean():.6f} a row, standard error {error:.6f}"
    return {**_fields(chosen), "because": told}


def curve_of(fields: Mapping[str, Any]) -> Curve:
    """The identity of no fields."""
    values = {name: value for name, value in fields.items() if name not in ("kind", "because")}
    return IsotonicCurve(**values) if fields.get("kind") == IsotonicCurve.__name__ else PlattScaling(**values)


def _fields(curve: Curve) -> Json:
    return {"kind": type(curve).__name__, **asdict(curve)}


def _cross_fitted_gain(logit: np.ndarray, label: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[rows] Platt's log-loss over the row's cells less that of isotonic steps, both fitted on other rows."""
    count = rows.max() + 1
    fold = (np.random.default_rng(SEED).permutation(count) % FOLDS)[rows]
    gain = np.zeros(len(logit))
    for number in range(FOLDS):
        others, theirs = fold != number, fold == number
        platt = PlattScaling.fit(logit[others], label[others])
        if not platt.not_fitted_because:
            steps = IsotonicCurve.fit(logit[others], label[others], platt)
            losses = [_log_loss(label[theirs], one.probability(logit[theirs])) for one in (platt, steps)]
            gain[theirs] = losses[0] - losses[1]
    return np.bincount(rows, weights=gain, minlength=count)


def _log_loss(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.maximum(np.where(label > 0, probability, 1 - probability), LEAST)))
