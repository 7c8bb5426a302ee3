"""Who leaves, and when the next purchase comes."""

from __future__ import annotations

import polars as pl

from userprofile.labels.entries import Label
from userprofile.windows import AsOf, Window


def days_to_purchase() -> Label:
    """Days from the as-of instant to the first purchase in the label window; null where none was seen."""
    first = pl.col("days_ahead").first()
    return Label("label_days_to_purchase", first, of_nothing=None, says="days to the first purchase ahead")


def is_censored() -> Label:
    """True where the label window ended before a purchase came: the time to it is longer, how much nobody knows.

    Right censoring; Klein and Moeschberger, Survival Analysis (2003), section 3.2.
    """
    return Label("label_is_censored", pl.lit(False), of_nothing=True, says="no purchase by the end of the label window")


def with_churn(rows: pl.DataFrame, bought: pl.DataFrame, *, as_of: AsOf, active: Window) -> pl.DataFrame:
    """Adds `label_churn`: of those who bought in the window `active` before as_of, 1 for who does not buy ahead.

    Null for everyone else: who was not active cannot leave. Reads user_id and label_purchase of `rows`. Without a
    contract, leaving is a silence of stated length among the active; Fader and Hardie, Probability Models for
    Customer-Base Analysis (2009).
    """
    known = bought.filter(as_of.knows() & active.holds(as_of, pl.col("event_time")))
    was_active = pl.col("user_id").is_in(known["user_id"].unique().implode())
    return rows.with_columns(pl.when(was_active).then(1 - pl.col("label_purchase")).alias("label_churn"))
