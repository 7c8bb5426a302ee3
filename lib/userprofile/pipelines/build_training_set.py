"""silver.events -> gold.training_examples: what was known at several dates, and what came after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines.coded_log import coded_log
from userprofile.pipelines.dates import LogRange, label_window, log_range, scoring_date
from userprofile.pipelines.engine import (
    Engine,
    Labelling,
    category_level,
    feature_catalogue,
    names_of_codes,
    user_rows,
)
from userprofile.pipelines.examples import EXAMPLES, examples_schema
from userprofile.pipelines.population import population_statistics
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf, TrainingDate, Window, split_dates

SECTIONS = ["source", "refine_events", "build_features", "build_training_set"]
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
    labelling = Labelling(window, level, active, log_end=as_of)
    with coded_log(run, events) as coded:
        statistics = population_statistics(coded.people(), coded.actions_of_people(), as_ofs=as_ofs)
        engine = Engine(as_ofs, catalogue, settings.sequence_length, statistics, names, labelling)
        rows = user_rows(run, coded.people(), engine, events=log.events).transform(_with_split, dates)
        rows = rows.transform(_keep_users_of_split, run.config.build_training_set.test_users_share)
        written = run.store.replace(rows, EXAMPLES, examples_schema(catalogue), partition="split")
    splits = Counter(date.split for date in dates)
    figures = {"examples": written.rows, "as_of_dates": len(dates), "category_level": level}
    return Outcome([written], {**figures, **{f"{split}_dates": count for split, count in splits.items()}})


def _with_split(rows: DataFrame, dates: Sequence[TrainingDate]) -> DataFrame:
    split_of = F.create_map(*(F.lit(part) for date in dates for part in (date.as_of.date, date.split)))
    return rows.withColumn("split", split_of[F.col("as_of_date")])


def _keep_users_of_split(rows: DataFrame, test_users_share: float) -> DataFrame:
    """With a share above 0, so many users are in the test split alone, and alone there; by hash, so for good."""
    if not test_users_share:
        return rows
    only_tested = F.pmod(F.xxhash64("user_id"), F.lit(10_000)) < round(test_users_share * 10_000)
    return rows.where((F.col("split") == "test") == only_tested)
