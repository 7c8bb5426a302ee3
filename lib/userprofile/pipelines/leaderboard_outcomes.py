"""What users do after a cut, predicted by every rung of the ladder from what they did before it."""

from __future__ import annotations

from typing import Any

import polars as pl

from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.config.leaderboard import TemporalBoard
from userprofile.model.metrics import binary_metrics
from userprofile.pipelines.outcome_examples import outcome_dates, outcome_examples, read_examples
from userprofile.pipelines.steps import Run


def outcome_leaderboard(run: Run, board: TemporalBoard) -> dict[str, dict[str, Any]]:
    """Measures on the test rows by model, `profile` first."""
    dates = outcome_dates(run, board)
    rows, _ = read_examples(run, outcome_examples(run, dates))
    train, test = (
        rows.filter(is_test).to_arrow()
        for is_test in (pl.col("as_of_date") != dates.cut.date, pl.col("as_of_date") == dates.cut.date)
    )
    label = test["label_purchase"].to_numpy()
    return {model.__name__: binary_metrics(label, model.fit(train).predict(test)) for model in (BaseRate, RecencyRule)}
