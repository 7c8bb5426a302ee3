"""A row per user as of a date, out of the rows of an earlier date and of what changed in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from userprofile.features.assemble import in_schema, of_events_per_user, with_row_features
from userprofile.features.catalogue import user_features_schema
from userprofile.features.entries import Catalogue, Maintained
from userprofile.windows import AsOf, in_time_order

OF_EVENTS: tuple[Maintained, ...] = ("event", "window", "time")
USER = pl.col("user_id")
TIME = pl.col("event_time")


def updated_features(
    events: pl.DataFrame,
    earlier: pl.DataFrame,
    *,
    since: AsOf,
    as_of: AsOf,
    catalogue: Catalogue,
    statistics: pl.DataFrame,
    names: pl.DataFrame,
) -> pl.DataFrame:
    """features_per_user of `as_of`, bit for bit, out of its rows of `since`: `earlier`, of an instant before it.

    `events` are those of features_per_user, with `is_new`: true for those that `earlier` was made without, whenever
    they happened. Who has an event that entered is computed anew; of others columns are kept that neither an event that
    left a window nor time alone can change (Feature.maintained).
    """
    ordered = in_time_order(events)
    of_events = catalogue.maintained(*OF_EVENTS)
    rows = []
    for users, changing in _by_what_changed(ordered, earlier, of_events, since=since, as_of=as_of):
        theirs = ordered.filter(USER.is_in(users.implode()))
        (made,) = of_events_per_user(theirs, as_ofs=[as_of], catalogue=changing, statistics=statistics, names=names)
        kept = earlier.select("user_id", *(name for name in of_events.names if name not in changing.names))
        rows.append(in_schema(made.join(kept, on="user_id", how="left"), user_features_schema(of_events)))
    together = pl.concat(rows).sort("user_id")
    complete = with_row_features(together, as_of=as_of, features=catalogue.per("row"), statistics=statistics)
    return in_schema(complete, user_features_schema(catalogue))


def _by_what_changed(
    events: pl.DataFrame, earlier: pl.DataFrame, catalogue: Catalogue, *, since: AsOf, as_of: AsOf
) -> Iterator[tuple[pl.Series, Catalogue]]:
    """Users, and the features that have to be computed of their events."""
    entered = as_of.knows() & (pl.col("is_new") | ~since.knows())
    of_windows = [_between_starts(window.days, since, as_of) for window in catalogue.windows() if window.days]
    left = as_of.knows() & pl.any_horizontal(pl.lit(value=False), *of_windows)
    changed = events.group_by("user_id", maintain_order=True).agg(
        known=as_of.knows().any(), entered=entered.any(), left=left.any()
    )
    is_there = USER.is_in(earlier["user_id"].implode())
    known = changed.filter("known").with_columns(pl.col("entered") | ~is_there)
    yield known.filter("entered")["user_id"], catalogue
    yield known.filter(~pl.col("entered") & pl.col("left"))["user_id"], catalogue.maintained("window", "time")
    yield known.filter(~pl.col("entered") & ~pl.col("left"))["user_id"], catalogue.maintained("time")


def _between_starts(days: int, since: AsOf, as_of: AsOf) -> pl.Expr:
    """True for events that were in the window and no longer are."""
    was, now = (one.instant - timedelta(days=days) for one in (since, as_of))
    start, end = (pl.lit(edge, dtype=pl.Datetime("us", "UTC")) for edge in (was, now))
    return (start <= TIME) & (end > TIME)
