"""Frequency, recency, age and monetary value as buy-till-you-die models read them.

Not marketing RFM (features/rfm.py): here frequency counts repeats only, and recency is how old the relation was at the
last purchase. The unit is the calendar day, and what is bought in one day is one transaction, as in the data summaries
of the packages lifetimes (`summary_data_from_transaction_data`, freq="D") and pymc-marketing (`rfm_summary`,
time_unit="D") with the as-of date as the end of the observation.
"""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.features.entries import Feature, Helper, Key
from userprofile.features.monetary import spent
from userprofile.features.vocabulary import BOUGHT
from userprofile.windows import ALL_HISTORY

BG_NBD = (
    'P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers" the Easy Way: An Alternative to the '
    "Pareto/NBD Model, Marketing Science 24 (2005)"
)
GAMMA_GAMMA = (
    "P. S. Fader, B. G. S. Hardie and K. L. Lee, RFM and CLV: Using Iso-Value Curves for Customer Base Analysis, "
    "Journal of Marketing Research 42 (2005)"
)
NEVER_BOUGHT = "never bought"

# Of the purchases of one day.
DAY_VALUE = Helper("purchase_day_value", spent(BOUGHT))


def btyd(*, timezone: str) -> Iterator[Feature]:
    """`btyd_frequency` (x), `btyd_recency_days` (t_x), `btyd_age_days` (T), `btyd_monetary_value`."""
    first, last = pl.col("purchase_day").first(), pl.col("purchase_day").last()
    as_of = Helper("as_of_day", _local_day(pl.col("as_of").first(), timezone))
    yield _feature(
        "frequency",
        timezone,
        expr=pl.len() - 1,
        unit="days",
        says="x: calendar days ({timezone}) with a purchase before as_of, without the first",
    )
    yield _feature(
        "recency_days",
        timezone,
        expr=(last - first).dt.total_days(),
        unit="days",
        says="t_x: days from the first calendar day ({timezone}) with a purchase to the last",
    )
    yield _feature(
        "age_days",
        timezone,
        expr=(pl.col(as_of.name).first() - first).dt.total_days(),
        unit="days",
        says="T: days from the first calendar day ({timezone}) with a purchase to the as-of date",
        pairs=(as_of,),
    )
    yield _feature(
        "monetary_value",
        timezone,
        expr=pl.col(DAY_VALUE.name).slice(1).mean(),
        unit="minor units per day",
        null="no repeat, or no amount of one is known",
        says="mean, over the calendar days ({timezone}) with a purchase after the first such day, of the sum of the "
        "day's known amounts",
        source=GAMMA_GAMMA,
        pairs=(DAY_VALUE,),
    )


def _feature(
    name: str,
    timezone: str,
    *,
    expr: pl.Expr,
    unit: str,
    says: str,
    null: str = NEVER_BOUGHT,
    source: str = BG_NBD,
    pairs: tuple[Helper, ...] = (),
) -> Feature:
    # Time zones are looked up only where there is a time: for purchases alone.
    day = Key("purchase_day", _local_day(pl.when(BOUGHT).then(pl.col("event_time")), timezone))
    return Feature(
        f"btyd_{name}",
        family="btyd",
        expr=expr,
        dtype=(dy.Float64 if name == "monetary_value" else dy.Int64)(nullable=True, min=0),
        unit=unit,
        null=null,
        says=says.format(timezone=timezone),
        source=source,
        window=ALL_HISTORY,
        keys=(day,),
        per="values",
        by=day.name,
        pairs=pairs,
    )


def _local_day(time: pl.Expr, timezone: str) -> pl.Expr:
    return time.dt.convert_time_zone(timezone).dt.date()
