"""silver.events -> gold.population_statistics, gold.user_features and gold.user_sequences as of any number of dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from userprofile.errors import DataGateError
from userprofile.pipelines.coded_log import Log, coded_log
from userprofile.pipelines.dates import log_range, scoring_dates
from userprofile.pipelines.engine import (
    Engine,
    category_level,
    feature_catalogue,
    names_of_codes,
)
from userprofile.pipelines.item_features import ITEMS, OfItems, item_features
from userprofile.pipelines.population import population_statistics
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.user_tables import DATE, FEATURES, Categories, UserTables
from userprofile.schemas.gold import ItemFeatures, PopulationStatistics
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf

STEP = "build_features"
SECTIONS = ["source", "refine_events", "build_features"]


def build_features(run: Run) -> list[Step]:
    """Features and sequences of every user with an event before each as-of date, in one pass over the events."""
    log = log_range(run, run.pinned("silver.events", made_by="refine_events"))
    return features_as_of(run, scoring_dates(run, log))


def features_as_of(run: Run, as_ofs: Sequence[AsOf]) -> list[Step]:
    """The step for each date; those done before with the same inputs and configuration are left as they are."""
    events = run.pinned("silver.events", made_by="refine_events")
    return step_of_features(run, as_ofs, lambda pending: written_features(run, coded_log(run, events), pending))


def step_of_features(
    run: Run, as_ofs: Sequence[AsOf], work: Callable[[Sequence[AsOf]], dict[date, Outcome]]
) -> list[Step]:
    """The one step that makes the features of a date, however `work` makes them of dates not done before."""
    inputs = [run.pinned(f"silver.{name}", made_by="refine_events") for name in ("events", "items", "codes")]
    as_of_of = {as_of.date: as_of for as_of in as_ofs}

    def of_dates(dates: Sequence[date]) -> dict[date, Outcome]:
        return work([as_of_of[day] for day in dates])

    return run.step_per_date(STEP, of_dates, inputs=inputs, sections=SECTIONS, as_ofs=list(as_of_of))


def written_features(
    run: Run,
    log: Log,
    as_ofs: Sequence[AsOf],
    *,
    started_from: Callable[[Engine], Engine] = lambda engine: engine,
) -> dict[date, Outcome]:
    """Write all tables of the dates. `started_from` may put another engine of the same rows in its place."""
    settings, dates = run.config.build_features, [as_of.date for as_of in as_ofs]
    listed = ", ".join(f"date'{day}'" for day in dates)
    where = f"as_of_date in ({listed})"
    catalogue = feature_catalogue(settings, run.config.source.timezone)
    names = names_of_codes(run)
    level = category_level(names, settings.user_category_level)
    categories = Categories(level, settings.user_category_floor, settings.affinity_half_life_days)
    statistics = population_statistics(log, as_ofs=as_ofs)
    engine = Engine(as_ofs, catalogue, settings.sequence_length, statistics, names)
    tables = UserTables(started_from(engine), categories, run.store.root, log.places)
    parts = pl.DataFrame(log.per_user(tables, bots=True).toArrow())
    users = _counts(parts, dates)
    outputs = [
        *(
            run.store.replace_parts(parts, table, schema, partition=DATE, values=list(map(str, dates)))
            for table, schema in tables.tables().items()
        ),
        _items(run, log, as_ofs, statistics=statistics),
        run.store.replace_small(statistics, "gold.population_statistics", PopulationStatistics, where=where),
    ]
    figures = {"features": len(catalogue.names)}
    return {day: Outcome(outputs, {"as_of_date": str(day), "users": users[day], **figures}) for day in dates}


def _counts(parts: pl.DataFrame, dates: Sequence[date]) -> dict[date, int]:
    """How many users each date knows. Raises DataGateError for a date that knows none."""
    counted = parts.filter(pl.col("table") == FEATURES).group_by("partition").agg(pl.col("rows").sum())
    users = dict(counted.rows())
    if unknown := [str(day) for day in dates if str(day) not in users]:
        raise DataGateError(f"no user has an event that was known before {', '.join(unknown)}", fix="a later AS_OF")
    return {day: users[str(day)] for day in dates}


def _items(run: Run, log: Log, as_ofs: Sequence[AsOf], *, statistics: pl.DataFrame) -> TableVersion:
    of_items = OfItems(log.items, statistics, run.config.build_features.item_prior_strength)
    parts = pl.DataFrame(item_features(log, of_items, as_ofs=as_ofs, root=run.store.root).toArrow())
    dates = [str(as_of.date) for as_of in as_ofs]
    return run.store.replace_parts(parts, ITEMS, ItemFeatures, partition=DATE, values=dates)
