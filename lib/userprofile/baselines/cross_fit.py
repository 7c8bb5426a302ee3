"""What a ladder says of users whose labels it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit

from userprofile.baselines.rung import Fit
from userprofile.errors import DataGateError

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


def out_of_fold(train: pa.Table, ladder: Mapping[str, Fit], *, folds: int, seed: int) -> dict[str, np.ndarray]:
    """[rows] by rung: each row predicted by what was fitted on other users. The validation."""
    found = {name: np.empty(train.num_rows) for name in ladder}
    for others, theirs, rows in splits(train, folds=folds, seed=seed):
        for name, fit in ladder.items():
            found[name][rows] = fit(others).predict(theirs)
    return found


def members_of_blend(
    validation: Mapping[str, np.ndarray], gain: Callable[[np.ndarray], float], *, first: str, probability: bool
) -> list[str]:
    """The rungs whose blend has the greatest gain on validation, from `first` on, one after another while it grows.

    Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "Ensemble selection from libraries of models"; each rung once.
    """
    members, best = [first], gain(blended([validation[first]], probability=probability))
    while rest := [name for name in validation if name not in members]:
        gains = {
            name: gain(blended([validation[member] for member in [*members, name]], probability=probability))
            for name in rest
        }
        name = max(gains, key=lambda name: gains[name])
        if gains[name] <= best:
            break
        members, best = [*members, name], gains[name]
    return members


def blended(predictions: Sequence[np.ndarray], *, probability: bool) -> np.ndarray:
    """[rows] the plain mean of log-odds, or of logarithms of days, as opinions are pooled (Genest and Zidek 1986)."""
    if probability:
        return np.asarray(expit(np.mean([log_odds(said) for said in predictions], axis=0)))
    return np.asarray(np.exp(np.mean([np.log(np.maximum(said, FEWEST_DAYS)) for said in predictions], axis=0)))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Finite also for 0 and 1."""
    return np.asarray(logit(np.clip(probability, CERTAIN, 1 - CERTAIN)))
