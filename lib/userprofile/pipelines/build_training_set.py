"""silver.events -> gold.training_examples: what was known at several dates, and what came after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import dataframely as dy
import polars as pl

from userprofile.pipelines.coded_log import coded_log
from userprofile.pipelines.dates import LogRange, label_window, log_range, scoring_date
from userprofile.pipelines.engine import (
    Engine,
    Labelling,
    category_level,
    feature_catalogue,
    names_of_codes,
)
from userprofile.pipelines.examples import EXAMPLES, examples_schema
from userprofile.pipelines.population import population_statistics
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import require_written
from userprofile.pipelines.written_parts import WritingParts
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf, Window, split_dates

SECTIONS = ["source", "refine_events", "build_features", "build_training_set"]
SPLIT = "split"
_FEWEST_DATES = 3  # to train on, to validate on and to test on


def build_training_set(run: Run) -> Step:
    """Examples of every mature date; a step without a table, and the reason, where too few dates are mature."""
    events = run.pinned("silver.events", made_by="refine_events")
    inputs = [events, *(run.pinned(f"silver.{name}", made_by="refine_events") for name in ("items", "codes"))]
    log = log_range(run, events)
    as_of = scoring_date(run, log)
    work = partial(_build, run, events, log, as_of)
    return run.step("build_training_set", work, inputs=inputs, sections=SECTIONS, as_of=as_of.date)


def _build(run: Run, events: TableVersion, log: LogRange, as_of: AsOf) -> Outcome:
    window, settings = label_window(run), run.config.build_features
    dates = split_dates(
        as_of,
        label_window=window,
        count=run.config.build_training_set.as_of_dates,
        timezone=run.config.source.timezone,
        log_start=log.first,
        embargo=window.horizon if run.config.build_training_set.embargo else timedelta(0),
    )
    if len(dates) < _FEWEST_DATES:
        reason = (
            f"no label can mature: {len(dates)} dates before {as_of.date} have a complete label window of "
            f"{window.length}, {_FEWEST_DATES} are needed, and the log begins {log.first:%Y-%m-%d %H:%M}"
        )
        return Outcome([], {"examples": 0, "skipped": reason})
    names = names_of_codes(run)
    as_ofs = [date.as_of for date in dates]
    level = category_level(names, run.config.build_training_set.category_level)
    catalogue = feature_catalogue(settings, run.config.source.timezone)
    active = Window(run.config.build_training_set.churn_active_days)
    tells_risk = "risk" in run.config.source.events.columns
    labelling = Labelling(window, level, active, log_end=as_of, tells_risk=tells_risk)
    coded = coded_log(run, events)
    statistics = population_statistics(coded, as_ofs=as_ofs)
    engine = Engine(as_ofs, catalogue, settings.sequence_length, statistics, names, labelling)
    split_of = {date.as_of.date: date.split for date in dates}
    examples = Examples(engine, split_of, run.config.build_training_set.test_users_share)
    writing = WritingParts(examples, run.store.root, EXAMPLES, SPLIT, coded.places)
    parts = pl.DataFrame(coded.per_user(writing, bots=False).toArrow())
    written = run.store.replace_parts(parts, EXAMPLES, examples.schema(), partition=SPLIT)
    splits = Counter(date.split for date in dates)
    figures = {"examples": written.rows, "as_of_dates": len(dates), "category_level": level}
    checks = require_written(run, written, as_of=as_of.date)
    return Outcome([written, *checks], {**figures, **{f"{split}_dates": count for split, count in splits.items()}})


@dataclass(frozen=True)
class Examples:
    """The function of whole users that makes rows of gold.training_examples.

    With `test_users_share` above 0, so many users are in the test split alone, and alone there: by the first digits of
    their pseudonyms, which are random, so for good.
    """

    engine: Engine
    split_of: Mapping[date, str]
    test_users_share: float

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> examples_schema."""
        return self.in_splits(self.engine(events))

    def in_splits(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows per user and date with their split; without those whose user has no place in it."""
        split = pl.col("as_of_date").replace_strict(self.split_of, return_dtype=pl.String)
        rows = rows.with_columns(split.alias(SPLIT))
        if not self.test_users_share:
            return rows
        return rows.filter((pl.col(SPLIT) == "test") == _is_below("user_id", self.test_users_share))

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return self.engine.reads()

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        return examples_schema(self.engine.catalogue)


def _is_below(pseudonym: str, share: float) -> pl.Expr:
    """True for this share of all pseudonyms, which are hex digits."""
    return pl.col(pseudonym).str.slice(0, 8).str.to_integer(base=16, dtype=pl.Int64) < round(share * 16**8)
