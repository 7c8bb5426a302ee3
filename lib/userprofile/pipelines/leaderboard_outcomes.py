"""What users do after a cut, predicted from what they did before it, by every rung of the ladder and their blend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from userprofile.baselines.cross_fit import splits
from userprofile.baselines.outcomes import (
    BG_NBD_COLUMNS,
    ladder_of_buying,
    ladder_of_purchase_days,
    ladder_of_spend,
    with_bg_nbd,
)
from userprofile.config.leaderboard import TemporalBoard
from userprofile.errors import DataGateError
from userprofile.pipelines.outcome_dates import Dates, outcome_dates
from userprofile.pipelines.outcome_examples import outcome_examples, read_examples
from userprofile.pipelines.outcome_judging import FOLDS, SEED, judged, table_rows
from userprofile.pipelines.steps import Run
from userprofile.windows import DAY

LADDERS = {"buys": ladder_of_buying, "purchase_days": ladder_of_purchase_days, "spend": ladder_of_spend}


def outcome_leaderboard(run: Run, board: TemporalBoard) -> dict[str, dict[str, Any]]:
    """Measures on the test rows by model, `profile` first, which also says what served it and why."""
    dates = outcome_dates(run, board)
    rows, names = read_examples(run, outcome_examples(run, dates))
    tests, learnt = _eligible(rows, board, dates)
    ladder = LADDERS[board.outcome]([*names, *BG_NBD_COLUMNS], seed=SEED)
    run.say(f"leaderboard: {tests.num_rows:,} users are judged, {learnt.num_rows:,} rows learnt from")
    parts = [
        judged(train, test, ladder, outcome=board.outcome, best_threshold=board.threshold == "best_f1")
        for train, test in _learning(learnt, tests, board)
    ]
    return table_rows(parts, outcome=board.outcome)


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
            "nobody is eligible",
            expected="users with a purchase before the cut",
            received=f"none by {dates.cut.date}",
            fix="a later cut, or eligible: seen",
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
