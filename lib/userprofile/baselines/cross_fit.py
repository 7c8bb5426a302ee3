"""What a ladder says of users whose labels it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit

from userprofile.baselines.outcomes import Fit
from userprofile.errors import DataGateError

BLEND = "blend"
# What is certain would outvote all others.
CERTAIN, FEWEST_DAYS = 1e-6, 0.01


def folds_of_users(users: Sequence[str], *, folds: int, seed: int) -> np.ndarray:
    """[rows] the fold of each row's user: all rows of a user in one, as many users in each, by the seed alone."""
    names, row = np.unique(np.asarray(users, dtype=str), return_inverse=True)
    if len(names) < folds:
        raise DataGateError(
            "too few users to judge a model by",
            expected=f"at least {folds} who are eligible",
            received=str(len(names)),
            fix="a larger log, another cut, or eligible: seen",
        )
    return np.random.default_rng(seed).permutation(len(names))[row] % folds


def splits(table: pa.Table, *, folds: int, seed: int) -> Iterator[tuple[pa.Table, pa.Table, np.ndarray]]:
    """For each fold of users: the rows of all others, theirs, and the places of theirs in the table."""
    fold = folds_of_users(table["user_id"].to_pylist(), folds=folds, seed=seed)
    for number in range(folds):
        theirs = fold == number
        yield table.filter(pa.array(~theirs)), table.filter(pa.array(theirs)), np.flatnonzero(theirs)


def out_of_fold(
    train: pa.Table, ladder: Mapping[str, Fit], *, probability: bool, folds: int, seed: int
) -> dict[str, np.ndarray]:
    """[rows] by model, the blend among them: each row predicted by what was fitted on other users. The validation."""
    found: dict[str, np.ndarray] = {}
    for others, theirs, rows in splits(train, folds=folds, seed=seed):
        for name, values in fitted_to(others, theirs, ladder, probability=probability).items():
            found.setdefault(name, np.empty(train.num_rows))[rows] = values
    return found


def fitted_to(
    train: pa.Table, judged: pa.Table, ladder: Mapping[str, Fit], *, probability: bool
) -> dict[str, np.ndarray]:
    """[rows of `judged`] by model: each rung fitted on `train`, and the blend of all but the first, a constant."""
    told = {name: fit(train).predict(judged) for name, fit in ladder.items()}
    return {**told, BLEND: blended(list(told.values())[1:], probability=probability)}


def blended(predictions: Sequence[np.ndarray], *, probability: bool) -> np.ndarray:
    """[rows] the plain mean of log-odds, or of logarithms of days, as opinions are pooled (Genest and Zidek 1986).

    Without weights: those fitted on few rows are seldom better (Bates and Granger 1969; Timmermann 2006).
    """
    if probability:
        return np.asarray(expit(np.mean([log_odds(said) for said in predictions], axis=0)))
    return np.asarray(np.exp(np.mean([np.log(np.maximum(said, FEWEST_DAYS)) for said in predictions], axis=0)))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Finite also for 0 and 1."""
    return np.asarray(logit(np.clip(probability, CERTAIN, 1 - CERTAIN)))
