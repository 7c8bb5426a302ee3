"""How good predictions are: numpy in, plain numbers out, None where a measure is undefined. Padding rows stay out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Metrics = dict[str, float | None]

NDCG = "ndcg@10"


def binary_metrics(label: np.ndarray, probability: np.ndarray) -> Metrics:
    """auc (0.5: no better than chance), log_loss (ln 2 at p = 0.5), brier (0.25 at p = 0.5).

    None for all without rows; auc is None also where all rows have one class.
    """
    # Here and not above: it takes a second, and most jobs measure nothing.
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    if not len(label):
        return {"auc": None, "log_loss": None, "brier": None}
    both = len(np.unique(label)) == 2
    return {
        "auc": float(roc_auc_score(label, probability)) if both else None,
        "log_loss": float(log_loss(label, probability, labels=[0, 1])),
        "brier": float(brier_score_loss(label, probability, pos_label=1)),
    }


def spend_metrics(label: np.ndarray, predicted: np.ndarray) -> Metrics:
    """mae in minor units; rmse_log1p, the root mean square of ln(1 + predicted) - ln(1 + spent). None without rows."""
    if not len(label):
        return {"mae": None, "rmse_log1p": None}
    return {
        "mae": float(np.mean(np.abs(predicted - label))),
        "rmse_log1p": float(np.sqrt(np.mean((np.log1p(predicted) - np.log1p(label)) ** 2))),
    }


def ranking_metrics(multi_hot: np.ndarray, scores: np.ndarray, k: int = 10) -> Metrics:
    """Means over the rows that have a positive of [rows, C]; rows without one are left out and counted.

    ndcg@k has gain 1 / log2(1 + place) and the best order of the row's positives as its ideal (Järvelin & Kekäläinen
    2002); recall@k is the share of the row's positives among its first k. Ties go to the earlier column.
    """
    relevant = multi_hot.sum(axis=1) > 0
    hits, positives = _hits(multi_hot[relevant], scores[relevant], k)
    left_out = float(len(multi_hot) - len(hits))
    if not len(hits):
        return {f"ndcg@{k}": None, f"recall@{k}": None, "rows": 0.0, "rows_without_positive": left_out}
    gains = 1 / np.log2(np.arange(2, hits.shape[1] + 2))  # [k]
    ideal = np.cumsum(gains)[np.minimum(positives, len(gains)) - 1]
    return {
        f"ndcg@{k}": float(np.mean(hits @ gains / ideal)),
        f"recall@{k}": float(np.mean(hits.sum(axis=1) / positives)),
        "rows": float(len(hits)),
        "rows_without_positive": left_out,
    }


def place_metrics(places: np.ndarray, k: int = 10) -> Metrics:
    """Of the place of the one item that came, 0 for the first: hr@k, the share of places below k, and ndcg@k, the mean
    of 1 / log2(2 + place) where below k and else 0. None without rows.
    """
    if not len(places):
        return {f"hr@{k}": None, f"ndcg@{k}": None}
    hit = places < k
    return {f"hr@{k}": float(hit.mean()), f"ndcg@{k}": float((hit / np.log2(places + 2.0)).mean())}


def over_seeds(trainings: Sequence[Metrics]) -> Metrics:
    """The mean of each measure over trainings of several seeds and, of more than one, the ends of its 95 % interval by
    Student's t, <measure>_low and <measure>_high. None where a training has none.
    """
    from scipy import stats

    result: Metrics = {}
    for name in trainings[0]:
        values = [value for one in trainings if (value := one[name]) is not None]
        result[name] = mean = float(np.mean(values)) if len(values) == len(trainings) else None
        if mean is not None and len(values) > 1:
            half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
            result |= {f"{name}_low": mean - half, f"{name}_high": mean + half}
    return result


def _hits(multi_hot: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """[rows, k] whether the row's n-th best column is positive, and [rows] the number of its positives."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(multi_hot, best, axis=1) > 0, (multi_hot > 0).sum(axis=1)
