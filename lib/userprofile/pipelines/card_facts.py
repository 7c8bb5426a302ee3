"""All that profile cards tell, gathered for several users at once from the tables of a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.columns import ACTIONS
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.profile_changes import CHANGES
from userprofile.pipelines.report_events import events_before, month_name
from userprofile.pipelines.report_moment import Moment
from userprofile.pipelines.steps import Run
from userprofile.report.facts import Facts
from userprofile.report.people import every_month
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.gold import UserSequences
from userprofile.schemas.profiles import ProfileChanges
from userprofile.schemas.scores import NUMBERS, VECTOR_COLUMNS
from userprofile.windows import AsOf

FEATURES, SEQUENCES = "gold.user_features", "gold.user_sequences"
EVENTS_SHOWN = 12
_QUANTILES = [place / 100 for place in range(1, 100)]
# Only what is shown is read: of a million users long lists take most of the time.
_CHANNELS = [
    "sequence_action", "sequence_item", "sequence_category_1", "sequence_price_band", "sequence_gap_days",
    "sequence_age_days",
]  # fmt: skip
_NEEDS = (
    "due_next", "top_queries", "favourites_open", "first_seen", "last_seen", "active_days_all", "sessions_all",
    "average_order_value_all", "distinct_items_all", "return_count_all", "complaint_count_all", "rating_mean",
    "channel_shares",
)  # fmt: skip


@dataclass(frozen=True)
class Gathered:
    """Rows of all the users that are asked for."""

    profiles: Sequence[Mapping[str, Any]]
    features: pl.DataFrame
    sequences: pl.DataFrame
    months: pl.DataFrame
    events: pl.DataFrame
    items: pl.DataFrame  # (item_id, title, category)
    quantiles: Mapping[str, Sequence[float] | None]  # of each score's column over all users
    changes: Mapping[str, Mapping[str, Any]]  # by user


def facts_of(run: Run, moment: Moment, profiles: DataFrame, user_ids: Sequence[str]) -> list[Facts]:
    """Of the users that have a profile, in the order of their ids; every table is read once."""
    gathered = _gathered(run, moment, profiles, sorted(user_ids))
    return [_facts(run, gathered, profile) for profile in gathered.profiles]


def _gathered(run: Run, moment: Moment, profiles: DataFrame, user_ids: Sequence[str]) -> Gathered:
    wanted = F.col("user_id").isin(list(user_ids))
    of_date = wanted & (F.col("as_of_date") == F.lit(moment.as_of))
    rows = [
        row.asDict(recursive=True) for row in profiles.drop(*VECTOR_COLUMNS).where(wanted).orderBy("user_id").collect()
    ]
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    features = run.store.read(moment.tables[FEATURES], user_features_schema(catalogue)).where(of_date)
    sequences = run.store.read(moment.tables[SEQUENCES], UserSequences).where(of_date)
    events = events_before(run, moment, _as_of(run, moment)).where(wanted).persist()
    last, months = _last(run, events), _months(events)
    events.unpersist()
    named = _item_ids(rows, last)
    quantiles = profiles.agg(*(F.percentile_approx(column, _QUANTILES).alias(column) for column in NUMBERS.values()))
    return Gathered(
        rows,
        _frame(features.select("user_id", *_NEEDS)),
        _with_words(run, moment, _frame(sequences.select("user_id", *_CHANNELS))),
        months,
        last,
        _items(run, moment, named),
        quantiles.collect()[0].asDict(),
        _changes(run, moment, of_date),
    )


def _facts(run: Run, gathered: Gathered, profile: Mapping[str, Any]) -> Facts:
    of_user = pl.col("user_id") == profile["user_id"]
    features = gathered.features.filter(of_user).to_dicts()
    ranks = {
        column: sum(quantile < profile[column] for quantile in quantiles) / 100
        for column, quantiles in gathered.quantiles.items()
        if quantiles and profile[column] is not None
    }
    return Facts(
        source=run.config.source.name,
        profile=profile,
        features=features[0] if features else dict.fromkeys(_NEEDS),
        months=_every_month(gathered.months.filter(of_user)),
        events=gathered.events.filter(of_user).join(gathered.items, "item_id", "left", maintain_order="left"),
        sequence=gathered.sequences.filter(of_user),
        titles=dict(gathered.items.select("item_id", "title").iter_rows()),
        ranks=ranks,
        minor_units=run.config.source.minor_units,
        horizon_days=run.config.source.horizon // timedelta(days=1),
        changes=gathered.changes.get(profile["user_id"]),
    )


def _changes(run: Run, moment: Moment, of_date: Column) -> dict[str, dict[str, Any]]:
    """Rows of gold.profile_changes by user; none where no earlier date has been scored."""
    if CHANGES not in moment.tables:
        return {}
    rows = run.store.read(moment.tables[CHANGES], ProfileChanges).where(of_date).collect()
    return {row["user_id"]: row.asDict(recursive=True) for row in rows}


def _frame(rows: DataFrame) -> pl.DataFrame:
    return pl.DataFrame(rows.toArrow())


def _as_of(run: Run, moment: Moment) -> AsOf:
    if moment.as_of is None:
        raise AssertionError("a moment with profiles has a date")
    return AsOf.at(moment.as_of, run.config.source.timezone)


def _months(events: DataFrame) -> pl.DataFrame:
    """Rows (user_id, month, and a count of each action)."""
    counts = [F.count_if(F.col("action") == action).alias(action) for action in ACTIONS]
    return _frame(events.groupBy("user_id", "month").agg(*counts)).with_columns(month_name("month"))


def _last(run: Run, events: DataFrame) -> pl.DataFrame:
    """Rows (user_id, at, action, item_id, amount, query), latest first; `at` is text in the source's time zone."""
    latest = F.array_agg(F.struct("event_time", "event_order", "action", "item_id", "amount", "query"))
    last = events.groupBy("user_id").agg(F.slice(F.reverse(F.array_sort(latest)), 1, EVENTS_SHOWN).alias("last"))
    rows = last.select("user_id", F.posexplode("last").alias("place", "one")).select("user_id", "place", "one.*")
    local = F.date_format(F.from_utc_timestamp("event_time", run.config.source.timezone), "yyyy-MM-dd HH:mm")
    shown = rows.select("user_id", "place", local.alias("at"), "action", "item_id", "amount", "query")
    return _frame(shown).sort("user_id", "place")


def _item_ids(profiles: Sequence[Mapping[str, Any]], events: pl.DataFrame) -> list[str]:
    """Of whatever a card names."""
    scored = [one["name"] for row in profiles for column in ("next_item", "window_items") for one in row[column] or []]
    return sorted({*scored, *events["item_id"].drop_nulls()})


def _items(run: Run, moment: Moment, item_ids: Sequence[str]) -> pl.DataFrame:
    rows = run.store.read(moment.tables["silver.items"], SilverItems).where(F.col("item_id").isin(list(item_ids)))
    category = F.array_join(F.slice("category_path", 1, 2), " / ").alias("category")
    return _frame(rows.select("item_id", F.coalesce("title", "item_id").alias("title"), category))


def _with_words(run: Run, moment: Moment, sequences: pl.DataFrame) -> pl.DataFrame:
    """A row an event, oldest first: (user_id, action, category, price_band, gap_days, age_days, item)."""
    rows = sequences.explode(_CHANNELS, empty_as_null=False)
    codes = run.store.read(moment.tables["silver.codes"], SilverCodes).where(F.col("kind") == "category_1")
    words = dict(_frame(codes.select("code", "value")).iter_rows())
    return rows.select(
        "user_id",
        pl.col("sequence_action").replace_strict(dict(enumerate(ACTIONS)), default=None).alias("action"),
        pl.col("sequence_category_1").replace_strict(words, default=None, return_dtype=pl.String).alias("category"),
        pl.col("sequence_price_band").alias("price_band"),
        pl.col("sequence_gap_days").alias("gap_days"),
        pl.col("sequence_age_days").alias("age_days"),
        pl.when(pl.col("sequence_item") > 0).then("sequence_item").alias("item"),
    )


def _every_month(months: pl.DataFrame) -> pl.DataFrame:
    """Months without an event have zeros."""
    if months.is_empty():
        return months
    known = months["month"].sort()
    every = pl.DataFrame({"month": every_month(known[0], known[-1])})
    return every.join(months, "month", "left", maintain_order="left").with_columns(pl.col(ACTIONS).fill_null(0))
