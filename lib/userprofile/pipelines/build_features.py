"""silver.events -> gold.population_statistics, gold.user_features and gold.user_sequences as of one date."""

from __future__ import annotations

from functools import partial

import polars as pl
from pyspark import StorageLevel

from userprofile.errors import DataGateError
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.dates import LogRange, log_range, scoring_date
from userprofile.pipelines.engine import Engine, coded_events, feature_catalogue, names_of_codes, user_rows
from userprofile.pipelines.population import population_statistics
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.gold import PopulationStatistics, UserSequences
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf

SECTIONS = ["source", "refine_events", "build_features"]


def build_features(run: Run) -> Step:
    """Features and sequences of every user with an event before the as-of date."""
    events = run.pinned("silver.events", made_by="refine_events")
    inputs = [events, *(run.pinned(f"silver.{name}", made_by="refine_events") for name in ("items", "codes"))]
    log = log_range(run, events)
    as_of = scoring_date(run, log)
    work = partial(_build, run, events, log, as_of)
    return run.step("build_features", work, inputs=inputs, sections=SECTIONS, as_of=as_of.date)


def _build(run: Run, events: TableVersion, log: LogRange, as_of: AsOf) -> Outcome:
    settings = run.config.build_features
    coded, people = (coded_events(run, events, with_bots=with_bots) for with_bots in (True, False))
    catalogue = feature_catalogue(settings, run.config.source.timezone)
    where = f"as_of_date = date'{as_of.date}'"
    counted = run.store.replace(
        population_statistics(people, as_ofs=[as_of]), "gold.population_statistics", PopulationStatistics, where=where
    )
    statistics = run.store.read(counted, PopulationStatistics).where(where).toArrow()
    engine = Engine([as_of], catalogue, settings.sequence_length, pl.DataFrame(statistics), names_of_codes(run))
    rows = user_rows(run, coded, engine, events=log.events).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        schema = user_features_schema(catalogue)
        features = run.store.replace(rows.select(*schema.column_names()), "gold.user_features", schema, where=where)
        sequences = run.store.replace(
            rows.select(*UserSequences.column_names()), "gold.user_sequences", UserSequences, where=where
        )
    finally:
        rows.unpersist()
    if features.rows == 0:
        raise DataGateError(f"no user has an event before {as_of.date}", fix="choose a later AS_OF")
    figures = {"as_of_date": str(as_of.date), "users": features.rows, "features": len(catalogue.names)}
    return Outcome([features, sequences, counted], figures)
