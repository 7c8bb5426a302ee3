"""What users do after a cut, predicted from what they did before it, by every rung of the ladder and their blend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from userprofile.baselines.cross_fit import blended, log_odds, members_of_blend, out_of_fold, splits
from userprofile.baselines.outcomes import (
    BG_NBD_COLUMNS,
    BUYS,
    PURCHASE_DAYS,
    Fit,
    ladder_of_buying,
    ladder_of_purchase_days,
    with_bg_nbd,
)
from userprofile.baselines.serving import LARGER_IS_BETTER, Served, best_of, served
from userprofile.calibration.error import calibration_error_above_chance
from userprofile.calibration.platt import PlattScaling
from userprofile.config.leaderboard import TemporalBoard
from userprofile.errors import DataGateError
from userprofile.model.intervals import Measure, auc, best_f1_threshold, correlation, f1, interval, mae
from userprofile.pipelines.outcome_examples import Dates, outcome_dates, outcome_examples, read_examples
from userprofile.pipelines.steps import Run
from userprofile.windows import DAY

PROFILE, BLEND = "profile", "blend"
FOLDS, SEED = 5, 7
FEWEST = 20  # rows of either kind: each fold has some
BY = {"buys": "auc", "purchase_days": "mae"}  # decides what serves
REPORTED = {"buys": ("auc",), "purchase_days": ("mae", "correlation")}
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


def outcome_leaderboard(run: Run, board: TemporalBoard) -> dict[str, dict[str, Any]]:
    """Measures on the test rows by model, `profile` first, which also says what served it and why."""
    dates = outcome_dates(run, board)
    rows, names = read_examples(run, outcome_examples(run, dates))
    tests, learnt = _eligible(rows, board, dates)
    ladder = _ladder(board, [*names, *BG_NBD_COLUMNS])
    judged = [_judged(train, test, ladder, board) for train, test in _learning(learnt, tests, board)]
    run.say(f"leaderboard: {tests.num_rows:,} users, {learnt.num_rows:,} rows to learn from, {len(judged)} tests")
    label = np.concatenate([part.label for part in judged])
    models = [PROFILE, *(name for name in judged[0].predicted if name != PROFILE)]
    rows_of_table = {
        model: _measured(
            board,
            label,
            np.concatenate([part.predicted[model] for part in judged]),
            np.concatenate([part.positive[model] for part in judged]),
        )
        for model in models
    }
    rows_of_table[PROFILE] |= {"served": [vars(part.served) for part in judged], "users": tests.num_rows}
    return rows_of_table


def _ladder(board: TemporalBoard, features: list[str]) -> Mapping[str, Fit]:
    of_outcome = ladder_of_buying if board.outcome == "buys" else ladder_of_purchase_days
    return of_outcome(features, seed=SEED)


def _eligible(rows: pl.DataFrame, board: TemporalBoard, dates: Dates) -> tuple[pa.Table, pa.Table]:
    """Test rows, and those learnt from, BG/NBD of each date beside them. Raises DataGateError for no test rows."""
    if board.eligible == "bought":
        rows = rows.filter(pl.col("btyd_age_days").is_not_null())
    gap, horizon = (length / DAY for length in (dates.window.gap, dates.window.horizon))
    tables = {
        day: with_bg_nbd(part.to_arrow(), gap_days=gap, horizon_days=horizon)
        for (day,), part in rows.partition_by("as_of_date", as_dict=True, maintain_order=True).items()
    }
    if dates.cut.date not in tables:
        raise DataGateError(
            "nobody is eligible", expected="users with a purchase before the cut", received=f"none by {dates.cut.date}"
        )
    tests = tables[dates.cut.date]
    if board.learn_from == "other_users":
        return tests, tests
    return tests, pa.concat_tables([tables[as_of.date] for as_of in dates.earlier if as_of.date in tables])


def _learning(learnt: pa.Table, tests: pa.Table, board: TemporalBoard) -> Iterator[tuple[pa.Table, pa.Table]]:
    """What is learnt from and what is judged: all at once, or each fold of users by what the others did."""
    if board.learn_from == "earlier_dates":
        yield learnt, tests
        return
    for others, theirs, _ in splits(tests, folds=FOLDS, seed=SEED):
        yield others, theirs


def _judged(train: pa.Table, test: pa.Table, ladder: Mapping[str, Fit], board: TemporalBoard) -> Judged:
    """Everything is decided on `train`, by models that did not see the user; `test` is only predicted."""
    buys = board.outcome == "buys"
    column = BUYS if buys else PURCHASE_DAYS
    known, label = (table[column].to_numpy().astype(np.float64) for table in (train, test))
    _require_both(known)
    validation = out_of_fold(train, ladder, folds=FOLDS, seed=SEED)
    predicted = {name: fit(train).predict(test) for name, fit in ladder.items()}
    chosen, members = _chosen(validation, known, train["as_of_date"].to_numpy(), board)
    for said in (validation, predicted):
        said[BLEND] = blended([said[name] for name in members], probability=buys)
        said[PROFILE] = said[chosen.model]
    if buys:
        curve = PlattScaling.fit(log_odds(validation[PROFILE]), known)
        for said in (validation, predicted):
            said[PROFILE] = curve.probability(log_odds(said[PROFILE]))
    positive = {
        model: values >= (best_f1_threshold(known, validation[model]) if board.threshold == "best_f1" else 0.5)
        for model, values in predicted.items()
    }
    return Judged(label, predicted, positive, chosen)


def _chosen(
    validation: Mapping[str, np.ndarray], known: np.ndarray, date: np.ndarray, board: TemporalBoard
) -> tuple[Served, list[str]]:
    """What serves, and the rungs of the blend; by a measure within each date, as the test is of one."""
    by, buys = BY[board.outcome], board.outcome == "buys"
    rows_of_date = [np.flatnonzero(date == day) for day in np.unique(date)]

    def measure(values: np.ndarray) -> float:
        measures = [MEASURES[by](known[rows], values[rows], np.ones(len(rows))) for rows in rows_of_date]
        return float(np.nanmean(measures))  # a date where all do the same ranks nobody

    measured = {name: {by: measure(values)} for name, values in validation.items() if name != NEVER_SERVES}
    sign = 1 if LARGER_IS_BETTER[by] else -1
    first = best_of(measured, by=by)
    members = members_of_blend(validation, lambda said: sign * measure(said), first=first, probability=buys)
    blend = blended([validation[name] for name in members], probability=buys)
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


def _measured(board: TemporalBoard, label: np.ndarray, predicted: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    measures: dict[str, Any] = {}
    judged_by = {name: (MEASURES[name], predicted) for name in REPORTED[board.outcome]}
    if board.outcome == "buys":
        judged_by["f1"] = (f1, positive.astype(np.float64))
        measures["calibration_error"] = calibration_error_above_chance(label, predicted)
    for name, (measure, said) in judged_by.items():
        low, high = interval(measure, label, said)
        measures |= {name: measure(label, said, np.ones(len(label))), f"{name}_low": low, f"{name}_high": high}
    return measures
