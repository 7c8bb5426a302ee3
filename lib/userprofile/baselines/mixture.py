"""Several distributions of the same thing as one, each with a weight that validation decides."""

from __future__ import annotations

import numpy as np

_LEAST_GAIN = 1e-9
_MOST_STEPS = 1000
_LEAST_RANKING_GAIN = 1e-5

# What a weight is tried at, in proportion to itself; and what is added to one, so that none stays 0.
_FACTORS = (0.0, 0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
_ADDED = 0.05


def mixture_weights(likelihoods: np.ndarray) -> np.ndarray:
    """[M] weights >= 0 that add up to 1, of the mixture under which what happened is most likely.

    `likelihoods` [R, M] is what each of M distributions gave to what happened in each of R rows. By expectation
    maximisation (Dempster, Laird & Rubin 1977), whose steps never lose likelihood; the likelihood is concave in the
    weights, so that there is no other maximum. Rows that no distribution foresaw say nothing; equal weights without any
    other row.
    """
    foreseen = likelihoods[likelihoods.sum(axis=1) > 0].astype(np.float64)
    weights = np.full(likelihoods.shape[1], 1 / likelihoods.shape[1])
    before = -np.inf
    for _ in range(_MOST_STEPS if len(foreseen) else 0):
        mixed = foreseen @ weights  # [R]
        weights = weights * (foreseen / mixed[:, None]).mean(axis=0)
        now = float(np.log(mixed).mean())
        if now - before < _LEAST_GAIN:
            break
        before = now
    return weights


def ranking_weights(scores: np.ndarray, start: np.ndarray, k: int = 10) -> np.ndarray:
    """[M] weights >= 0 that add up to 1, of the mixture whose order has the greatest NDCG@k.

    `scores` [R, C, M] are what each of M distributions gives to C candidates of each of R rows, of which the first is
    what happened. From `start`, one weight after the other is changed as long as that gains: a search, since the
    measure moves in steps. Likelihood would reward the smooth distributions, which foresee everything a little.
    """
    weights, best = start, _ndcg(scores, start, k)
    gained = True
    while gained:
        gained = False
        for place in range(len(weights)):
            for value in (*(weights[place] * factor for factor in _FACTORS), weights[place] + _ADDED):
                tried = weights.copy()
                tried[place] = value
                if tried.sum() > 0 and (found := _ndcg(scores, tried / tried.sum(), k)) > best + _LEAST_RANKING_GAIN:
                    weights, best, gained = tried / tried.sum(), found, True
    return weights


def _ndcg(scores: np.ndarray, weights: np.ndarray, k: int) -> float:
    mixed = scores @ weights.astype(scores.dtype)  # [R, C]
    places = (mixed[:, 1:] >= mixed[:, :1]).sum(axis=1)
    return float(((places < k) / np.log2(places + 2.0)).mean())
