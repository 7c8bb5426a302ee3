"""Numbers about all users that one user's features need: their names, and how a user's row gets them.

Of users with a purchase in the RFM window before the as-of instant (one user, one value: features/rfm.py):

- `rfm_recency_days`: (as_of - time of the last purchase) in days of 86,400 s
- `rfm_frequency`: distinct orders among those purchases
- `rfm_monetary`: sum of their amounts; users whose amounts are all null are left out

and of these values the quantiles of `QUANTILES` by linear interpolation between the closest ranks: `percentile` of
Spark SQL, type 7 of Hyndman and Fan (1996). A statistic of no values has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from userprofile.errors import DataGateError
from userprofile.windows import AsOf

QUANTILES = (0.2, 0.4, 0.6, 0.8)
STATISTIC = ("statistic", "key", "value")
SEPARATOR = " at "  # between a statistic's name and its key, while it stands as a column beside a user's row
RFM_STATISTICS = ("rfm_recency_days", "rfm_frequency", "rfm_monetary")


def statistic(name: str, key: str | float) -> pl.Expr:
    """A statistic of the population as of the row's date; null where the population has none."""
    return pl.col(f"{name}{SEPARATOR}{key}")


def with_statistics(rows: pl.DataFrame, statistics: pl.DataFrame, *, as_of: AsOf, read: Iterable[str]) -> pl.DataFrame:
    """`rows` with those statistics beside them that `read` names (columns of other names are not looked at).

    Raises DataGateError where a statistic about a column is missing though users here have a value in it: then the
    population was not counted for this date, since a statistic lacks a row only where nobody has a value.
    """
    of_date = statistics.filter(pl.col("as_of_date") == as_of.date)
    values = {f"{name}{SEPARATOR}{key}": value for name, key, value in of_date.select(STATISTIC).iter_rows()}
    wanted = sorted(column for column in read if SEPARATOR in column)
    for column in wanted:
        about = column.split(SEPARATOR)[0]
        if column not in values and about in rows.columns and rows[about].count():
            raise DataGateError(
                "users have values that the population's statistics do not cover",
                expected=f"gold.population_statistics with {column} as of {as_of.date}",
                received=", ".join(sorted(values)) or "no statistics as of that date",
                fix="make build_features, which counts the population first",
            )
    return rows.with_columns(pl.lit(values.get(column), dtype=pl.Float64).alias(column) for column in wanted)


def with_statistics_of_values(
    values: pl.DataFrame, statistics: pl.DataFrame, *, as_of: AsOf, by: str, wanted: Sequence[str]
) -> pl.DataFrame:
    """`values` (ranking.values_per_user) with what the population knows of each value of `by`, as of the date.

    One column per statistic of `wanted`, under its name: where its key is the value as text; null where none is.
    """
    of_date = statistics.filter(pl.col("as_of_date") == as_of.date)
    for name in wanted:
        about = of_date.filter(pl.col("statistic") == name)
        known = about.select(pl.col("key").cast(values.schema[by]).alias(by), pl.col("value").alias(name))
        values = values.join(known, on=by, how="left", maintain_order="left")
    return values
