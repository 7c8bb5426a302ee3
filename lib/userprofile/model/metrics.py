"""How good predictions are: numpy in, plain numbers out, None where a measure is undefined. Padding rows stay out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

Metrics = dict[str, float | None]

FIRST = 10
NDCG = "ndcg@10"
RANKING, LISTED_RANKING = (NDCG, "recall@10"), (NDCG, "hr@10", "recall@10")


def binary_metrics(label: np.ndarray, probability: np.ndarray) -> Metrics:
    """auc (0.5: no better than chance), log_loss (ln 2 at p = 0.5), brier (0.25 at p = 0.5).

    None for all without rows; auc is None also where all rows have one class.
    """
    if not len(label):
        return {"auc": None, "log_loss": None, "brier": None}
    # As scikit-learn does, to rounding, without its checks of the input, which take most of the time of small samples.
    label, said = label.astype(np.float64), probability.astype(np.float64)
    least = np.finfo(probability.dtype).eps
    surprise = np.log(np.clip(np.where(label == 1, said, 1 - said), least, 1))
    return {"auc": _auc(label, said), "log_loss": float(-surprise.mean()), "brier": float(np.mean((said - label) ** 2))}


def _auc(label: np.ndarray, said: np.ndarray) -> float | None:
    """The share of pairs, one of each class, that are in the right order (Mann and Whitney); a tie is half a pair."""
    positive = int(label.sum())
    pairs = positive * (len(label) - positive)
    above = rankdata(said)[label == 1].sum() - positive * (positive + 1) / 2
    return float(above / pairs) if pairs else None


def decision_metrics(label: np.ndarray, probability: np.ndarray, threshold: float) -> Metrics:
    """accuracy, precision, recall and f1 of "yes" from the threshold on; rows whose label is NaN stay out.

    None for all without rows; precision where nobody is called positive, recall where nobody is, and f1 where neither.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    known = ~np.isnan(label)
    came, called = label[known] > 0, probability[known] >= threshold
    if not len(came):
        return dict.fromkeys(("accuracy", "precision", "recall", "f1"))
    precision, recall, f1, _ = precision_recall_fscore_support(came, called, average="binary", zero_division=np.nan)
    defined = {"precision": precision, "recall": recall, "f1": f1}
    told = {name: None if np.isnan(value) else float(value) for name, value in defined.items()}
    return {"accuracy": float(accuracy_score(came, called)), **told}


def spend_metrics(label: np.ndarray, predicted: np.ndarray) -> Metrics:
    """mae in minor units; rmse_log1p, the root mean square of ln(1 + predicted) - ln(1 + spent). None without rows."""
    if not len(label):
        return {"mae": None, "rmse_log1p": None}
    return {
        "mae": float(np.mean(np.abs(predicted - label))),
        "rmse_log1p": float(np.sqrt(np.mean((np.log1p(predicted) - np.log1p(label)) ** 2))),
    }


def ranking_of_rows(multi_hot: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """[rows] by measure, RANKING, of [rows, C]; NaN for a row without a positive.

    ndcg@10 has gain 1 / log2(1 + place) and the best order of the row's positives as its ideal (Järvelin & Kekäläinen
    2002); recall@10 is the share of the row's positives among its first 10. Ties go to the earlier column.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :FIRST]
    hits = np.take_along_axis(multi_hot, best, axis=1) > 0  # [rows, 10]
    return {name: values for name, values in _gains(hits, (multi_hot > 0).sum(axis=1)).items() if name in RANKING}


def listed_ranking_of_rows(listed: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """[rows] by measure, LISTED_RANKING, where the positives of a row are listed: int [rows, M], column c as c + 1 and
    0 for none. hr@10 says whether any is among the first 10. NaN for a row without a positive.
    """
    k = min(FIRST, scores.shape[1])
    first = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, first, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(first, order, axis=1)  # [rows, k]
    hits = (best[:, :, None] + 1 == listed[:, None, :]).any(axis=2)
    return _gains(hits, (listed > 0).sum(axis=1))


def concordance(came: np.ndarray, expected: np.ndarray) -> float | None:
    """The share of pairs with different times whose expected times stand in that order, ties half; 0.5 by chance.

    Harrell's C (Harrell, Lee & Mark 1996) where all that is censored is so at one time, the greatest; from Kendall's
    tau-b, whose numerator counts the pairs. None where all times are one.
    """
    from scipy.stats import kendalltau

    rows = len(came)
    ties_of_both = [np.unique(values, return_counts=True)[1].astype(np.float64) for values in (came, expected)]
    pairs = rows * (rows - 1) / 2
    told, said = (pairs - float((ties * (ties - 1) / 2).sum()) for ties in ties_of_both)
    if told <= 0:
        return None
    more_in_order = float(kendalltau(came, expected).statistic) * (told * said) ** 0.5 if said > 0 else 0.0
    return 0.5 + more_in_order / told / 2


def _gains(hits: np.ndarray, positives: np.ndarray) -> dict[str, np.ndarray]:
    """From [rows, k] whether a row's n-th best is positive, and [rows] how many are."""
    k = hits.shape[1]
    gains = 1 / np.log2(np.arange(2, k + 2))  # [k]
    counting, some = positives > 0, np.maximum(positives, 1)
    measures = {
        NDCG: hits @ gains / np.cumsum(gains)[np.minimum(some, k) - 1],
        "hr@10": hits.any(axis=1),
        "recall@10": hits.sum(axis=1) / some,
    }
    return {name: np.where(counting, values, np.nan) for name, values in measures.items()}


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
