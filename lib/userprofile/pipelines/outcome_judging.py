"""How well a ladder and its blend predict what users do: everything is decided on validation, never on the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from userprofile.baselines.cross_fit import blended, log_odds, members_of_blend, out_of_fold
from userprofile.baselines.outcomes import BUYS, PURCHASE_DAYS, SPEND
from userprofile.baselines.rung import Fit
from userprofile.baselines.serving import LARGER_IS_BETTER, Served, best_of, served
from userprofile.calibration.error import calibration_error_above_chance
from userprofile.calibration.platt import PlattScaling
from userprofile.errors import DataGateError
from userprofile.model.intervals import Measure, auc, best_f1_threshold, correlation, f1, interval, mae

PROFILE, BLEND = "profile", "blend"
FOLDS, SEED = 5, 7
FEWEST = 20  # rows of either kind: each fold has some
BY = {"buys": "auc", "purchase_days": "mae", "spend": "mae"}  # decides what serves
REPORTED = {"buys": ("auc",), "purchase_days": ("mae", "correlation"), "spend": ("mae", "correlation")}
LABELS = {"buys": BUYS, "purchase_days": PURCHASE_DAYS, "spend": SPEND}
# Of most users a median says that they will not buy: the least error, and no score to tell them apart by.
NEVER_SERVES = "lightgbm_median"
MEASURES: dict[str, Measure] = {"auc": auc, "mae": mae, "correlation": correlation}


@dataclass(frozen=True)
class Judged:
    """[rows] of one test: what came, what each model said of it, whom it calls positive; and which model served."""

    label: np.ndarray
    predicted: dict[str, np.ndarray]
    positive: dict[str, np.ndarray]
    served: Served


def judged(train: pa.Table, test: pa.Table, ladder: Mapping[str, Fit], *, outcome: str, best_threshold: bool) -> Judged:
    """Everything is decided on `train`, by models that did not see the user; `test` is only predicted.

    From 0.5 on, or from the best threshold of validation, a probability says yes. Raises DataGateError where too few
    rows of `train` differ to learn from.
    """
    buys, column = outcome == "buys", LABELS[outcome]
    known, label = (table[column].to_numpy().astype(np.float64) for table in (train, test))
    _require_both(known)
    validation = out_of_fold(train, ladder, folds=FOLDS, seed=SEED)
    predicted = {name: fit(train).predict(test) for name, fit in ladder.items()}
    chosen, members = _chosen(validation, known, train["as_of_date"].to_numpy(), outcome)
    for said in (validation, predicted):
        said[BLEND] = blended([said[name] for name in members], probability=buys)
        said[PROFILE] = said[chosen.model]
    if buys:
        curve = PlattScaling.fit(log_odds(validation[PROFILE]), known)
        for said in (validation, predicted):
            said[PROFILE] = curve.probability(log_odds(said[PROFILE]))
    positive = {
        model: values >= (best_f1_threshold(known, validation[model]) if best_threshold else 0.5)
        for model, values in predicted.items()
    }
    return Judged(label, predicted, positive, chosen)


def _chosen(
    validation: Mapping[str, np.ndarray], known: np.ndarray, date: np.ndarray, outcome: str
) -> tuple[Served, list[str]]:
    """What serves, and the rungs of the blend; by a measure within each date, as the test is of one."""
    by, buys = BY[outcome], outcome == "buys"
    rows_of_date = [np.flatnonzero(date == day) for day in np.unique(date)]

    def measure(values: np.ndarray) -> float:
        measures = [MEASURES[by](known[rows], values[rows], np.ones(len(rows))) for rows in rows_of_date]
        return float(np.nanmean(measures))  # a date where all do the same ranks nobody

    measured = {name: {by: measure(values)} for name, values in validation.items() if name != NEVER_SERVES}
    sign = 1 if LARGER_IS_BETTER[by] else -1
    telling = dict(list(validation.items())[1:])  # the first rung says the same of all users
    first = best_of({name: measured[name] for name in measured if name in telling}, by=by)
    members = members_of_blend(telling, lambda said: sign * measure(said), first=first, probability=buys)
    blend = blended([telling[name] for name in members], probability=buys)
    chosen = served({**measured, BLEND: {by: measure(blend)}}, head=BLEND, by=[by])
    return Served(chosen.model, f"{chosen.because}; the blend is of {', '.join(members)}"), members


def _require_both(known: np.ndarray) -> None:
    buyers = int(np.sum(known > 0))
    if min(buyers, len(known) - buyers) < FEWEST:
        raise DataGateError(
            "too few users differ in what they do for a model to learn from",
            expected=f"at least {FEWEST} rows with a purchase in the window and as many without",
            received=f"{buyers:,} with and {len(known) - buyers:,} without",
            fix="a larger log, another cut, or another horizon",
        )


def table_rows(parts: Sequence[Judged], *, outcome: str) -> dict[str, dict[str, Any]]:
    """Measures of all parts together by model, `profile` first, which also says what served it and why."""
    label = np.concatenate([part.label for part in parts])
    rows = {
        model: _measured(
            label,
            np.concatenate([part.predicted[model] for part in parts]),
            np.concatenate([part.positive[model] for part in parts]),
            outcome=outcome,
        )
        for model in [PROFILE, *(name for name in parts[0].predicted if name != PROFILE)]
    }
    rows[PROFILE] |= {"served": [vars(part.served) for part in parts], "users": len(label)}
    return rows


def _measured(label: np.ndarray, predicted: np.ndarray, positive: np.ndarray, *, outcome: str) -> dict[str, Any]:
    """None where a measure is not defined, as the correlation with a constant."""
    measures: dict[str, float | None] = {}
    judged_by = {name: (MEASURES[name], predicted) for name in REPORTED[outcome]}
    if outcome == "buys":
        judged_by["f1"] = (f1, positive.astype(np.float64))
    for name, (measure, said) in judged_by.items():
        low, high = interval(measure, label, said)
        measures |= {name: measure(label, said, np.ones(len(label))), f"{name}_low": low, f"{name}_high": high}
    if outcome == "buys":
        measures["calibration_error"] = calibration_error_above_chance(label, predicted)
    return {name: value if value is not None and np.isfinite(value) else None for name, value in measures.items()}
