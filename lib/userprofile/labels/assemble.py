"""Labels of every user known at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from userprofile.columns import ACTION_CODE, Action
from userprofile.errors import UsageError
from userprofile.labels.churn import days_to_purchase, is_censored, with_churn
from userprofile.labels.entries import Label
from userprofile.labels.next_action import next_action
from userprofile.labels.next_item import next_categories, next_item, next_items
from userprofile.labels.purchase import purchase
from userprofile.labels.risk import risk
from userprofile.labels.spend import spend
from userprofile.labels.window import window_actions, window_items
from userprofile.schemas.gold import Labels
from userprofile.windows import MICROSECONDS_A_DAY, AsOf, LabelWindow, Window, in_time_order


def labels_per_user(
    events: pl.DataFrame,
    *,
    as_ofs: Sequence[AsOf],
    label_window: LabelWindow,
    category_level: int,
    active: Window,
    log_end: datetime,
    tells_risk: bool = False,
) -> pl.DataFrame:
    """gold labels: one row per user and as-of date with an event known before it, by date, then user.

    `events` are UserEvents, whole users, in any order; the log holds every event before `log_end`. Who bought in the
    window `active` can churn; where the log `tells_risk`, events have it as a column. Raises UsageError where a label
    window ends after `log_end`: such a label cannot be known yet.
    """
    for as_of in as_ofs:
        _require_mature(as_of, label_window, log_end)
    labels = [purchase(), spend(), next_categories(category_level), next_item(), next_items(), next_action()]
    labels += [days_to_purchase(), is_censored(), window_items(), window_actions(), risk(told=tells_risk)]
    ordered = in_time_order(events)
    first_seen = ordered.group_by("user_id", maintain_order=True).agg(pl.col("known_at").min())
    bought = ordered.filter(pl.col("action") == ACTION_CODE[Action.PURCHASE])
    dated = []
    for as_of in sorted(as_ofs):
        rows = first_seen.filter(as_of.knows()).select("user_id", pl.lit(as_of.date).alias("as_of_date"))
        for kind, seen in (("purchases", bought), ("events", ordered)):
            of_kind = [label for label in labels if label.of == kind]
            rows = _with_labels(rows, seen, as_of=as_of, window=label_window, labels=of_kind)
        dated.append(with_churn(rows, bought, as_of=as_of, active=active))
    if not dated:
        return Labels.create_empty()
    rows = pl.concat(dated)
    return rows.select(pl.col(name).cast(column.dtype) for name, column in Labels.columns().items())


def _with_labels(
    rows: pl.DataFrame, events: pl.DataFrame, *, as_of: AsOf, window: LabelWindow, labels: Sequence[Label]
) -> pl.DataFrame:
    time, instant = pl.col("event_time"), pl.lit(as_of.instant, dtype=pl.Datetime("us", "UTC"))
    ahead = events.filter(window.holds(as_of, time))
    ahead = ahead.with_columns(days_ahead=(time - instant).dt.total_microseconds() * (1 / MICROSECONDS_A_DAY))
    inside = ahead.group_by("user_id", maintain_order=True)
    labelled = inside.agg(pl.lit(True).alias("did"), *(label.expr.alias(label.name) for label in labels))
    rows = rows.join(labelled, on="user_id", how="left", maintain_order="left")
    return rows.with_columns(
        pl.when("did").then(label.name).otherwise(_value(label, labelled.schema[label.name])).alias(label.name)
        for label in labels
    ).drop("did")


def _value(label: Label, dtype: pl.DataType) -> pl.Expr:
    return pl.lit(pl.Series([label.of_nothing], dtype=dtype)).first()


def _require_mature(as_of: AsOf, label_window: LabelWindow, log_end: datetime) -> None:
    if not label_window.is_mature(as_of, log_end):
        raise UsageError(
            f"labels as of {as_of.date} are not known yet",
            expected=f"a log that holds every event before {label_window.end(as_of)}",
            received=f"a log that ends at {log_end}",
            fix="an earlier as-of date, or a shorter gap or horizon",
        )
