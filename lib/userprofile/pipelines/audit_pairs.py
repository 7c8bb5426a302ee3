"""What an audit does user by user: a sample of (user, as-of date), from raw rows and with later events added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.audit.later_events import Change, changes, summed
from userprofile.audit.past import Given
from userprofile.audit.recompute import Difference, differences
from userprofile.features.entries import Catalogue
from userprofile.pipelines.coded_log import coded_log
from userprofile.pipelines.engine import Engine, names_of_codes
from userprofile.pipelines.population import population_statistics
from userprofile.pipelines.raw_histories import raw_histories, users_of
from userprofile.pipelines.steps import Run
from userprofile.schemas.events import SilverEvents
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf


def of_bounded_users(run: Run, events: TableVersion, pairs: pl.DataFrame) -> pl.DataFrame:
    """Without users of more than `audit_features.events_per_user` events, whom one machine should not hold."""
    history = run.store.read(events, SilverEvents).join(F.broadcast(users_of(run, pairs)), "user_id")
    counts = history.groupBy("user_id").count().where(F.col("count") <= run.config.audit_features.events_per_user)
    return pairs.join(pl.DataFrame(counts.select("user_id").toArrow()), on="user_id", how="semi")


def raw_differences(
    run: Run, pairs: pl.DataFrame, *, bronze: TableVersion, events: TableVersion, catalogue: Catalogue
) -> list[Difference]:
    """Stored values of `pairs`, rows of gold.training_examples, that raw rows before the as-of date do not give."""
    settings, timezone = run.config.build_features, run.config.source.timezone
    as_ofs = _as_ofs(pairs, timezone)
    counted = counts_of_actions(run.store.read(events, SilverEvents), as_ofs, settings.arrival_lag)
    return differences(
        pairs,
        raw_histories(run, bronze=bronze, events=events, users=users_of(run, pairs)),
        features=catalogue.features,
        as_ofs=as_ofs,
        given=Given(timezone, settings.session_gap, settings.arrival_lag, counted),
    )


def counts_of_actions(events: DataFrame, as_ofs: Sequence[AsOf], arrival_lag: timedelta) -> dict[date, dict[str, int]]:
    """How many events of each action each date knows, of users who are no bots."""
    arrived = F.coalesce("arrived_at", "event_time") - F.lit(arrival_lag)
    known_at = F.greatest("event_time", arrived)
    counts = [F.count_if(known_at < F.lit(as_of.instant)).alias(str(as_of.date)) for as_of in as_ofs]
    rows = events.where("not is_bot").groupBy("action").agg(*counts).collect()
    return {as_of.date: {row["action"]: row[str(as_of.date)] for row in rows} for as_of in as_ofs}


def later_changes(run: Run, pairs: pl.DataFrame, *, events: TableVersion, catalogue: Catalogue) -> list[Change]:
    """Columns, those of sequences too, that events after the as-of date change."""
    if pairs.is_empty():
        return []
    as_ofs = _as_ofs(pairs, run.config.source.timezone)
    log = coded_log(run, events)
    statistics = population_statistics(log, as_ofs=as_ofs)
    history = pl.DataFrame(log.people().join(F.broadcast(users_of(run, pairs)), "user_id").toArrow())
    names, length = names_of_codes(run), run.config.build_features.sequence_length

    def compute(events: pl.DataFrame, as_of: AsOf) -> pl.DataFrame:
        return Engine([as_of], catalogue, length, statistics, names)(events)

    found: list[Change] = []
    for as_of in as_ofs:
        of_date = pairs.filter(pl.col("as_of_date") == as_of.date)
        found += changes(history.join(of_date, on="user_id", how="semi"), as_of=as_of, compute=compute)
    return summed(found)


def _as_ofs(pairs: pl.DataFrame, timezone: str) -> list[AsOf]:
    return [AsOf.at(day, timezone) for day in sorted(pairs["as_of_date"].unique())]
