"""What comes next in a history: parts of it to learn from, and an event to predict where each part ends."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from userprofile.windows import AsOf

SPLITS = TRAIN, REFIT, VALIDATION, TEST = "train", "refit", "validation", "test"

_READ = ("item", "action", "gap_days")
_AGES = pl.col("sequence_age_days")
_LENGTH = _AGES.list.len().cast(pl.Int32)


@dataclass(frozen=True)
class LeaveOneOut:
    """A user's last event is the test, the one before it validates, and all before that train.

    A user of fewer than three events only trains.
    """

    def ends(self) -> tuple[pl.Expr, pl.Expr]:
        """How many events train, and how many are known when the test event is to be predicted."""
        enough = _LENGTH >= 3
        return pl.when(enough).then(_LENGTH - 2).otherwise(_LENGTH), pl.when(enough).then(_LENGTH - 1).otherwise(
            _LENGTH
        )


@dataclass(frozen=True)
class Temporal:
    """A user's first event from `test` on is the test, the first one in [validation, test) validates."""

    as_of: AsOf  # from which ages of events are told
    validation: AsOf
    test: AsOf

    def ends(self) -> tuple[pl.Expr, pl.Expr]:
        """As LeaveOneOut."""
        return self._before(self.validation), self._before(self.test)

    def _before(self, edge: AsOf) -> pl.Expr:
        days = (self.as_of.instant - edge.instant).total_seconds() / 86_400
        return _AGES.list.eval((pl.element() > days).cast(pl.Int32)).list.sum().cast(pl.Int32)


def next_event_examples(sequences: pl.DataFrame, protocol: LeaveOneOut | Temporal) -> pl.DataFrame:
    """gold.history_examples, of rows of gold.user_sequences as of one date.

    Per user a row to train on and, to refit on, one with all that is known before the test event; in these every event
    but the first is to be predicted. Where there is an event to validate on, and one to test on, a row each that ends
    with it. Parts of fewer than two events are left out.
    """
    train, refit = protocol.ends()
    marked = sequences.with_columns(train=train, refit=refit, length=_LENGTH)
    validated, tested = pl.col("train") < pl.col("refit"), pl.col("refit") < pl.col("length")
    parts = [
        _part(marked, TRAIN, events=pl.col("train"), targets=pl.col("train") - 1),
        _part(marked, REFIT, events=pl.col("refit"), targets=pl.col("refit") - 1),
        _part(marked.filter(validated), VALIDATION, events=pl.col("train") + 1, targets=pl.lit(1)),
        _part(marked.filter(tested), TEST, events=pl.col("refit") + 1, targets=pl.lit(1)),
    ]
    return pl.concat(parts)


def _part(marked: pl.DataFrame, split: str, *, events: pl.Expr, targets: pl.Expr) -> pl.DataFrame:
    """The first `events` of each history."""
    day = pl.col("last_ages").list.eval(pl.element().ceil())  # counted back from a midnight
    return (
        marked.filter(events > 1)
        .with_columns(pl.col(f"sequence_{name}").list.head(events) for name in (*_READ, "age_days"))
        .with_columns(last_ages=pl.col("sequence_age_days").list.tail(2))
        .select(
            "user_id",
            *(f"sequence_{name}" for name in _READ),
            split=pl.lit(split),
            label_targets=targets.cast(pl.Int32),
            label_is_same_day=day.list.first() == day.list.last(),
        )
    )
