"""Weights of events that are learnt from what users bought next; the vectors stay as the network left them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from userprofile.interest.readout import RIDGE, ReadOut, with_constant
from userprofile.interest.vectors import Histories, units
from userprofile.interest.weightings import (
    ACTION_ROWS,
    AGE_BUCKETS,
    Attention,
    LeastSquares,
    age_buckets,
    likeness,
)

USERS_AT_ONCE = 1_000

# Of the squares of an attention's numbers, next to a loss of 1 at most: what nothing speaks for stays at 0.
ATTENTION_DECAY = 1e-4
ATTENTION_STEPS = 100


def fit_least_squares(histories: Histories, bought: np.ndarray, category: np.ndarray) -> LeastSquares:
    """The weights for which sum of weight x vector is nearest to the mean vector of the categories bought next.

    `bought` is [B, C], 0 for what was not, and `category` [C, W]. Ordinary least squares over users and numbers of a
    vector, by the normal equations, of least norm where several are as near; an action and age that nobody has gets 0.
    """
    target = bought @ category / np.maximum(bought.sum(axis=1, keepdims=True), 1)  # [B, W]
    used = np.unique(_cells(histories)[histories.known])
    gram, moments = np.zeros((len(used), len(used))), np.zeros(len(used))
    for start in range(0, len(target), USERS_AT_ONCE):
        some = slice(start, start + USERS_AT_ONCE)
        sums = _sums_by_cell(histories.some(some), used)
        gram += np.einsum("bkw,blw->kl", sums, sums, optimize=True)
        moments += np.einsum("bkw,bw->k", sums, target[some])
    weight = np.zeros(ACTION_ROWS * AGE_BUCKETS)
    weight[used] = np.linalg.lstsq(gram, moments, rcond=None)[0]
    return LeastSquares(weight.reshape(ACTION_ROWS, AGE_BUCKETS).tolist())


def _cells(histories: Histories) -> np.ndarray:
    """int [B, T]: an action and a bucket of age as one number."""
    return histories.action * AGE_BUCKETS + age_buckets(histories)


def _sums_by_cell(histories: Histories, used: np.ndarray) -> np.ndarray:
    """[B, K, W]: of each `used` cell the sum of the user's vectors."""
    place = np.searchsorted(used, _cells(histories)[histories.known])
    sums = np.zeros((len(histories.known), len(used), histories.vectors.shape[2]), np.float32)
    np.add.at(sums, (np.nonzero(histories.known)[0], place), histories.vectors[histories.known])
    return sums


def fit_attention(histories: Histories, bought: np.ndarray) -> Attention:
    """By how well a read-out of the interests, fitted anew for each try, tells `bought` [B, C].

    L-BFGS from the plain mean, with exact gradients: where the read-out is the best for the weights, its own change
    adds nothing (variable projection: Golub & Pereyra 1973).
    """
    problem = _AttentionProblem(histories, bought)
    start = np.zeros(ACTION_ROWS + AGE_BUCKETS + 1)
    numbers = minimize(
        problem.loss_and_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": ATTENTION_STEPS}
    ).x
    return _attention(numbers)


def _attention(numbers: np.ndarray) -> Attention:
    action, age, context = np.split(numbers, [ACTION_ROWS, ACTION_ROWS + AGE_BUCKETS])
    return Attention(action.tolist(), age.tolist(), float(context[0]))


class _AttentionProblem:
    """Loss and gradient by the numbers of an Attention: action, age, context."""

    def __init__(self, histories: Histories, bought: np.ndarray) -> None:
        self.histories, self.bought = histories, bought.astype(np.float64)
        self.age, self.likeness = age_buckets(histories), likeness(histories)
        self.scale = float((self.bought**2).sum())

    def loss_and_gradient(self, numbers: np.ndarray) -> tuple[float, np.ndarray]:
        """(|bought - told|^2 + ridge) / |bought|^2, below 1, and the decay."""
        weights = _attention(numbers).weights(self.histories)  # [B, T]
        summed = np.einsum("bt,btw->bw", weights, self.histories.vectors)
        interest = units(summed)
        read_out = ReadOut.fit(interest, self.bought).weights
        missing = self.bought - with_constant(interest) @ read_out  # [B, C]
        loss = (missing**2).sum() + RIDGE * (read_out[:-1] ** 2).sum()
        by_interest = -2 * missing @ read_out[:-1].T  # [B, W]
        gradient = self._by_numbers(weights, self._by_sum(by_interest, summed, interest))
        decay = ATTENTION_DECAY * (numbers**2).sum()
        return loss / self.scale + decay, gradient / self.scale + 2 * ATTENTION_DECAY * numbers

    @staticmethod
    def _by_sum(by_interest: np.ndarray, summed: np.ndarray, interest: np.ndarray) -> np.ndarray:
        """Through the division by the length: only what is across counts."""
        lengths = np.linalg.norm(summed, axis=1, keepdims=True)
        across = by_interest - interest * (interest * by_interest).sum(axis=1, keepdims=True)
        return np.divide(across, lengths, out=np.zeros_like(across), where=lengths > 0)

    def _by_numbers(self, weights: np.ndarray, by_sum: np.ndarray) -> np.ndarray:
        by_weight = np.einsum("bw,btw->bt", by_sum, self.histories.vectors)
        by_score = weights * (by_weight - (weights * by_weight).sum(axis=1, keepdims=True))
        of_action = np.bincount(self.histories.action.ravel(), by_score.ravel(), ACTION_ROWS)
        of_age = np.bincount(self.age.ravel(), by_score.ravel(), AGE_BUCKETS)
        return np.concatenate([of_action, of_age, [(by_score * self.likeness).sum()]])
