"""Drops the redundant and the useless, step by step, and says of each feature why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from userprofile.errors import DataGateError
from userprofile.selection.information import information_of_noise, mutual_information
from userprofile.selection.judge import Rows, auc, fitted, importance
from userprofile.selection.redundancy import clusters, spearman

CONSTANT = "constant, or null throughout"
NOISE = "tells no more of the label than of a shuffled one"
UNIMPORTANT = "shuffling it costs no AUC on validation"


@dataclass(frozen=True)
class Selection:
    """Features kept, and why the others were not, both in their order.

    AUC by split with all features that training reads, i.e. not constant ones, and with those kept; null where the
    split has one class.
    """

    features: tuple[str, ...]
    dropped: dict[str, str]
    before: dict[str, float | None]
    after: dict[str, float | None]


def select(
    splits: Mapping[str, Rows], names: Sequence[str], *, correlation: float, repeats: int, seed: int
) -> Selection:
    """From the columns `names` of the splits train, validation and test, those worth training on.

    On train: drops constant columns; of columns with |rank correlation| >= `correlation` all but the most informative;
    columns whose mutual information with the label is that of noise. Then, of a model fitted on train, columns of no
    permutation importance on validation. Test only measures. Raises DataGateError where train or validation lacks a
    class, or nothing is left.
    """
    _require_classes(splits)
    train = splits["train"]
    constant = _constant(train.values)
    reason: dict[int, str] = dict.fromkeys(np.flatnonzero(constant).tolist(), CONSTANT)
    told = mutual_information(train.values, train.label)
    reason |= _redundant(train.values, _left(names, reason), told, names, correlation)
    noise = information_of_noise(train.values, train.label, seed=seed)
    reason |= {column: NOISE for column in _left(names, reason) if told[column] <= noise[column]}
    if (left := _left(names, reason)).size:
        judged = importance(
            fitted(train.of(left), seed=seed), splits["validation"].of(left), repeats=repeats, seed=seed
        )
        reason |= dict.fromkeys(left[judged <= 0].tolist(), UNIMPORTANT)
    kept, telling = _left(names, reason), np.flatnonzero(~constant)
    _require_any(kept, names)
    dropped = {names[column]: reason[column] for column in sorted(reason)}
    before, after = (_measured(splits, columns, seed) for columns in (telling, kept))
    return Selection(tuple(names[column] for column in kept), dropped, before, after)


def _left(names: Sequence[str], reason: Mapping[int, str]) -> np.ndarray:
    return np.array([column for column in range(len(names)) if column not in reason], dtype=int)


def _constant(values: np.ndarray) -> np.ndarray:
    """As training has it: a column with one known value is constant, whoever lacks it."""
    lowest = np.min(np.where(np.isnan(values), np.inf, values), axis=0, initial=np.inf)
    highest = np.max(np.where(np.isnan(values), -np.inf, values), axis=0, initial=-np.inf)
    return np.asarray(lowest >= highest)


def _redundant(
    values: np.ndarray, columns: np.ndarray, told: np.ndarray, names: Sequence[str], least: float
) -> dict[int, str]:
    correlations = spearman(values[:, columns]) if columns.size else np.empty((0, 0))
    numbers = clusters(correlations, least=least)
    reason = {}
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number)
        best = members[np.argmax(told[columns[members]])]
        for member in members[members != best]:
            same = f"tells the same as {names[columns[best]]}, rank correlation {correlations[member, best]:.3f}"
            reason[int(columns[member])] = same
    return reason


def _measured(splits: Mapping[str, Rows], columns: np.ndarray, seed: int) -> dict[str, float | None]:
    model = fitted(splits["train"].of(columns), seed=seed)
    return {split: auc(model, splits[split].of(columns)) for split in ("validation", "test")}


def _require_classes(splits: Mapping[str, Rows]) -> None:
    lacking = [split for split in ("train", "validation") if not splits[split].has_both_classes]
    if lacking:
        raise DataGateError(
            "features cannot be judged by a label that is always the same",
            expected="examples with and without a purchase in train and in validation",
            received=f"one kind only in {' and '.join(lacking)}",
            fix="a longer horizon or more as-of dates, then make build_training_set",
        )


def _require_any(kept: np.ndarray, names: Sequence[str]) -> None:
    if not kept.size:
        raise DataGateError(
            "no feature tells anything of the label",
            expected="at least one that is worth training on",
            received=f"{len(names)} features, all of them dropped",
            fix="more examples (select_features.examples), or train on all: SET=train_model.features=all",
        )
