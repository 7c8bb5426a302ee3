"""What comes next in a history: parts of it to learn from, and an event to predict where each part ends."""

from __future__ import annotations

import polars as pl

SPLITS = TRAIN, REFIT, VALIDATION, TEST = "train", "refit", "validation", "test"

_READ = ("item", "action", "gap_days")
_FEWEST = 3  # events of a user, of which one is to be learnt from, one validates and one tests


def leave_one_out(sequences: pl.DataFrame) -> pl.DataFrame:
    """gold.history_examples, of rows of gold.user_sequences as of one date with `sequence_day`, each event's date.

    A user's last event is the test, the one before it validates, and all before that train; to refit on, there is all
    before the test event. In parts to learn from every event but the first is to be predicted, so that they have two
    events at least. A user of fewer than three events is only learnt from.
    """
    length = pl.col("sequence_item").list.len().cast(pl.Int32)
    held_out = pl.when(length >= _FEWEST).then(pl.lit([2, 1])).otherwise(pl.lit([0, 0]))
    marked = sequences.with_columns(
        train=length - held_out.list.first(), refit=length - held_out.list.last(), length=length
    )
    asked = marked.filter(pl.col("length") >= _FEWEST)
    parts = [
        _part(marked, TRAIN, events=pl.col("train"), targets=pl.col("train") - 1),
        _part(marked, REFIT, events=pl.col("refit"), targets=pl.col("refit") - 1),
        _part(asked, VALIDATION, events=pl.col("refit"), targets=pl.lit(1)),
        _part(asked, TEST, events=pl.col("length"), targets=pl.lit(1)),
    ]
    return pl.concat(parts)


def _part(marked: pl.DataFrame, split: str, *, events: pl.Expr, targets: pl.Expr) -> pl.DataFrame:
    """The first `events` of each history."""
    last_days = pl.col("sequence_day").list.tail(2)
    return (
        marked.filter(events > 1)
        .with_columns(pl.col(f"sequence_{name}").list.head(events) for name in (*_READ, "day"))
        .select(
            "user_id",
            *(f"sequence_{name}" for name in _READ),
            split=pl.lit(split),
            label_targets=targets.cast(pl.Int32),
            label_is_same_day=last_days.list.first() == last_days.list.last(),
        )
    )
