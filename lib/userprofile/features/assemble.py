"""The feature engine: whole users in, one row per user and as-of date out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import dataframely as dy
import polars as pl

from userprofile.features.catalogue import user_features_schema
from userprofile.features.entries import Catalogue, Feature, Key
from userprofile.features.orderings import is_last_of, next_of, rows_by_value
from userprofile.features.population import with_statistics, with_statistics_of_values
from userprofile.features.ranking import ranked_values, values_per_user
from userprofile.features.vocabulary import MICROSECONDS_A_DAY
from userprofile.windows import AsOf, in_time_order


def features_per_user(
    events: pl.DataFrame,
    *,
    as_ofs: Sequence[AsOf],
    catalogue: Catalogue,
    statistics: pl.DataFrame,
    names: pl.DataFrame,
) -> pl.DataFrame:
    """One row per user and as-of date with at least one event before it; by date, then user.

    `events` are UserEvents, whole users, in any order (in_time_order spares the sort when several functions read
    them). `statistics` are rows of PopulationStatistics, `names` of SilverCodes: the words behind the codes of the
    columns that "value" features rank. Columns and types are those of `user_features_schema(catalogue)`.
    Raises DataGateError where buyers have no statistics to be scored against, or a code has no word.
    """
    schema, dates = user_features_schema(catalogue), sorted(as_ofs)
    of_events = of_events_per_user(events, as_ofs=dates, catalogue=catalogue, statistics=statistics, names=names)
    dated = [
        with_row_features(rows, as_of=as_of, features=catalogue.per("row"), statistics=statistics)
        for as_of, rows in zip(dates, of_events, strict=True)
    ]
    return in_schema(pl.concat(dated), schema) if dated else schema.create_empty()


def of_events_per_user(
    events: pl.DataFrame,
    *,
    as_ofs: Sequence[AsOf],
    catalogue: Catalogue,
    statistics: pl.DataFrame,
    names: pl.DataFrame,
) -> Iterator[pl.DataFrame]:
    """The same for each date by itself, without the features of the row."""
    numbered = in_time_order(events).with_columns(pl.col("user_id").rle_id().alias("user"))
    whole = _Histories(numbered, catalogue)
    for as_of in as_ofs:
        parts = [
            _as_of_rows(histories, known, as_of=as_of, catalogue=catalogue, statistics=statistics, names=names)
            for histories, known in whole.as_seen(as_of)
        ]
        yield pl.concat(parts).sort("user").drop("user")


def in_schema(rows: pl.DataFrame, schema: type[dy.Schema]) -> pl.DataFrame:
    """The schema's columns, in its order, cast to its types."""
    return rows.select(pl.col(name).cast(column.dtype) for name, column in schema.columns().items())


@dataclass(frozen=True)
class _Histories:
    """What no as-of date changes."""

    ordered: pl.DataFrame  # events in order, with a number per user
    catalogue: Catalogue

    @cached_property
    def rows_of(self) -> dict[str, pl.Series]:
        """The rows of each key's values."""
        return {key.name: rows_by_value(self.ordered, key) for key in self.catalogue.sorted_keys()}

    @cached_property
    def events(self) -> pl.DataFrame:
        """In order, with the helpers of the call."""
        # A lazy frame computes once what several helpers have in common.
        shared = self.ordered.lazy().with_columns(
            *(helper.expr.alias(helper.name) for helper in self.catalogue.helpers("call")),
            *(next_of(self.ordered, key, self.rows_of[key.name]) for key in self.catalogue.distinct_keys()),
        )
        return shared.collect(engine="in-memory")

    def last_times(self, known: pl.Expr) -> pl.Series:
        """Of each user's last known event, in the place of the user's number; null elsewhere."""
        seen = self.events.lazy().filter(known).select("user", "event_time")
        times = seen.filter(pl.col("user").ne_missing(pl.col("user").shift(-1))).collect(engine="in-memory")
        nothing = pl.Series([None], dtype=times.schema["event_time"])
        places = nothing.new_from_index(0, self.events.select(pl.col("user").max().fill_null(0)).item() + 1)
        return places.scatter(times["user"], times["event_time"])

    def as_seen(self, as_of: AsOf) -> Iterator[tuple[_Histories, pl.Expr]]:
        """Histories, and which of their events are what was known at the instant; together all that was known.

        Users of whom an event had happened and not yet arrived stand apart: it changes what is made of those around it.
        """
        on_its_way = ~as_of.knows() & (pl.col("event_time") < as_of.instant)
        users = self.ordered.filter(on_its_way)["user"].unique()
        if users.is_empty():
            yield self, as_of.knows()
            return
        theirs = pl.col("user").is_in(users.implode())
        yield self, as_of.knows() & ~theirs
        yield _Histories(self.ordered.filter(as_of.knows() & theirs), self.catalogue), as_of.knows()


def _as_of_rows(
    histories: _Histories,
    known: pl.Expr,
    *,
    as_of: AsOf,
    catalogue: Catalogue,
    statistics: pl.DataFrame,
    names: pl.DataFrame,
) -> pl.DataFrame:
    of_user = catalogue.per("user")
    last = histories.last_times(known)
    events = histories.events.lazy().filter(known)
    seen = _with_helpers(events, as_of, catalogue, last=last, read={"user_id"} | _roots(of_user))
    rows = seen.group_by("user", maintain_order=True).agg(
        pl.col("user_id").first(), *(feature.expr.alias(feature.name) for feature in of_user)
    )
    rows = rows.with_columns(pl.lit(as_of.date).alias("as_of_date"))
    for key in catalogue.value_keys():
        together = histories.events.lazy().select(pl.all().gather(histories.rows_of[key.name])).filter(known)
        pairs = _pairs(together, key, as_of=as_of, catalogue=catalogue, last=last, statistics=statistics)
        of_key = [feature for feature in catalogue.of_values() if feature.by == key.name]
        rows = _with_values(rows, pairs, features=[feature for feature in of_key if feature.per == "values"])
        for feature in of_key:
            if feature.per == "ranking":
                rows = _with_ranking(rows, pairs, feature=feature, names=names)
    return rows


def _pairs(
    together: pl.LazyFrame, key: Key, *, as_of: AsOf, catalogue: Catalogue, last: pl.Series, statistics: pl.DataFrame
) -> pl.DataFrame:
    """One row per user and value of the key: the pairs of all features that are by it, and their statistics."""
    columns = {pair.name: pair.expr for pair in catalogue.pairs(key.name)}
    read = {root for expr in (key.expr, *columns.values()) for root in expr.meta.root_names()}
    seen = _with_helpers(together, as_of, catalogue, last=last, read=read).with_columns(key.expr.alias(key.name))
    pairs = values_per_user(seen, by=key.name, columns=columns)
    return with_statistics_of_values(pairs, statistics, as_of=as_of, by=key.name, wanted=catalogue.statistics(key.name))


def _with_helpers(
    events: pl.LazyFrame, as_of: AsOf, catalogue: Catalogue, *, last: pl.Series, read: set[str]
) -> pl.DataFrame:
    """Of the events' columns, age, windows and helpers of the as-of date, those to be read."""
    time, instant = pl.col("event_time"), pl.lit(as_of.instant, dtype=pl.Datetime("us", "UTC"))
    in_window = {f"within_{window.name}": window.holds(as_of, time) for window in catalogue.windows()}
    helpers = [helper.expr.alias(helper.name) for helper in catalogue.helpers("as_of")]
    helpers += [is_last_of(key) for key in catalogue.distinct_keys()]
    events = events.with_columns(as_of=instant, **in_window)
    # Products, not divisions: vocabulary.AGE_DAYS says why.
    events = events.with_columns(
        age_days=(pl.col("as_of") - time).to_physical() * (1 / MICROSECONDS_A_DAY),
        days_before_last=(pl.lit(last).gather("user") - time).to_physical() * (1 / MICROSECONDS_A_DAY),
    )
    wanted = events.with_columns(helpers).select(sorted({"user"} | read))
    # In one piece and known to be sorted, groups are slices: sums of floats do not depend on how work is split.
    return wanted.with_columns(pl.col("user").set_sorted()).collect(engine="in-memory").rechunk()


def _with_values(rows: pl.DataFrame, pairs: pl.DataFrame, *, features: Sequence[Feature]) -> pl.DataFrame:
    """What each `expr` makes of all values of a user; null where there is none."""
    if not features:
        return rows
    found = pairs.group_by("user", maintain_order=True).agg(feature.expr.alias(feature.name) for feature in features)
    return rows.join(found, on="user", how="left", maintain_order="left")


def _with_ranking(rows: pl.DataFrame, pairs: pl.DataFrame, *, feature: Feature, names: pl.DataFrame) -> pl.DataFrame:
    """The strongest values; empty where the user has none."""
    ranking = ranked_values(
        pairs, by=feature.by, score=feature.expr, top=feature.top, shares=feature.shares, names=names
    )
    joined = rows.join(ranking.rename({"ranking": feature.name}), on="user", how="left", maintain_order="left")
    return joined.with_columns(pl.col(feature.name).fill_null([]))


def with_row_features(
    rows: pl.DataFrame, *, as_of: AsOf, features: Sequence[Feature], statistics: pl.DataFrame
) -> pl.DataFrame:
    """Features of the row one after the other, since one may read another; then without the statistics."""
    rows = with_statistics(rows, statistics, as_of=as_of, read=_roots(features))
    for feature in features:
        rows = rows.with_columns(feature.expr.cast(feature.dtype.dtype).alias(feature.name))
    return rows


def _roots(features: Sequence[Feature]) -> set[str]:
    return {root for feature in features for root in feature.expr.meta.root_names()}
