"""All that profile cards tell, gathered for several users at once from the tables of a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dataframely as dy
import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.columns import ACTIONS
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.profile_changes import CHANGES
from userprofile.pipelines.report_events import events_before, month_name
from userprofile.pipelines.report_moment import Moment
from userprofile.pipelines.steps import Run
from userprofile.report.facts import Facts
from userprofile.report.people import every_month
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.gold import UserSequences
from userprofile.schemas.profiles import ProfileChanges, UserProfiles
from userprofile.schemas.scores import NUMBERS, VECTOR_COLUMNS
from userprofile.windows import AsOf

FEATURES, SEQUENCES = "gold.user_features", "gold.user_sequences"
EVENTS_SHOWN = 12
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
    ranks: Mapping[str, Mapping[str, float]]  # by user and column of a score: the share of all users who have less
    changes: Mapping[str, Mapping[str, Any]]  # by user


def facts_of(
    run: Run, moment: Moment, profiles: DataFrame, scored_at: datetime, user_ids: Sequence[str]
) -> list[Facts]:
    """Of the users that have a profile, in the order of their ids; `profiles` are those of all users, scored then."""
    gathered = _gathered(run, moment, profiles, scored_at, sorted(user_ids))
    return [_facts(run, gathered, profile) for profile in gathered.profiles]


def _gathered(run: Run, moment: Moment, profiles: DataFrame, scored_at: datetime, user_ids: Sequence[str]) -> Gathered:
    of_date = pl.col("user_id").is_in(user_ids) & (pl.col("as_of_date") == moment.as_of)

    def of_users(table: str, schema: type[dy.Schema], *columns: str, where: pl.Expr = of_date) -> pl.DataFrame:
        return run.store.small(moment.tables[table], schema, *columns, where=where)

    shown = [name for name in UserProfiles.column_names() if name not in VECTOR_COLUMNS]
    scored = of_date & (pl.col("scored_at") == scored_at)
    rows = of_users(PROFILES, UserProfiles, *shown, where=scored).sort("user_id").to_dicts()
    features = user_features_schema(feature_catalogue(run.config.build_features, run.config.source.timezone))
    of_user = F.col("user_id").isin(list(user_ids))
    events = events_before(run, moment, _as_of(run, moment)).where(of_user).persist()
    last, months = _last(run, events), _months(events)
    events.unpersist()
    # Nobody's where no earlier date has been scored.
    changes = of_users(CHANGES, ProfileChanges).to_dicts() if CHANGES in moment.tables else []
    return Gathered(
        rows,
        of_users(FEATURES, features, "user_id", *_NEEDS),
        _with_words(run, moment, of_users(SEQUENCES, UserSequences, "user_id", *_CHANNELS)),
        months,
        last,
        _items(run, moment, _item_ids(rows, last)),
        _ranks(profiles, rows),
        {row["user_id"]: row for row in changes},
    )


def _facts(run: Run, gathered: Gathered, profile: Mapping[str, Any]) -> Facts:
    of_user = pl.col("user_id") == profile["user_id"]
    features = gathered.features.filter(of_user).to_dicts()
    return Facts(
        source=run.config.source.name,
        profile=profile,
        features=features[0] if features else dict.fromkeys(_NEEDS),
        months=_every_month(gathered.months.filter(of_user)),
        events=gathered.events.filter(of_user).join(gathered.items, "item_id", "left", maintain_order="left"),
        sequence=gathered.sequences.filter(of_user),
        titles=dict(gathered.items.select("item_id", "title").iter_rows()),
        ranks=gathered.ranks.get(profile["user_id"], {}),
        minor_units=run.config.source.minor_units,
        horizon_days=run.config.source.horizon // timedelta(days=1),
        changes=gathered.changes.get(profile["user_id"]),
    )


def _ranks(profiles: DataFrame, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    asked = [(row["user_id"], name, row[name]) for row in rows for name in NUMBERS.values() if row[name] is not None]
    shares = [F.count_if(F.col(name) < F.lit(value)) / F.count(name) for _, name, value in asked]
    ranks: dict[str, dict[str, float]] = {}
    for (user_id, name, _), share in zip(asked, profiles.agg(F.count("*"), *shares).collect()[0][1:], strict=True):
        ranks.setdefault(user_id, {})[name] = share
    return ranks


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
    rows = run.store.small(moment.tables["silver.items"], SilverItems, where=pl.col("item_id").is_in(item_ids))
    category = pl.col("category_path").list.head(2).list.join(" / ").alias("category")
    return rows.select("item_id", pl.coalesce("title", "item_id").alias("title"), category)


def _with_words(run: Run, moment: Moment, sequences: pl.DataFrame) -> pl.DataFrame:
    """A row an event, oldest first: (user_id, action, category, price_band, gap_days, age_days, item)."""
    rows = sequences.explode(_CHANNELS, empty_as_null=False)
    of_level = pl.col("kind") == "category_1"
    codes = run.store.small(moment.tables["silver.codes"], SilverCodes, "code", "value", where=of_level)
    words = dict(codes.iter_rows())
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
