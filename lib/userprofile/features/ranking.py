"""The strongest values of a column per user, with their shares, in words."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from userprofile.errors import DataGateError

USER = pl.col("user")


def values_per_user(events: pl.DataFrame, *, by: str, columns: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """One row per `user` and value of `by`, with `columns` computed of that value's events.

    `events` stand by user, value of `by` and time.
    """
    # Each sum runs over one contiguous slice: added up by hash, the last bits would differ from run to run.
    pairs = events.with_columns(_number_of_pair(by)).group_by("pair", maintain_order=True)
    computed = (expr.alias(name) for name, expr in columns.items())
    return pairs.agg(USER.first(), pl.col(by).first(), *computed).with_columns(USER.set_sorted()).drop("pair")


def ranked_values(
    values: pl.DataFrame, *, by: str, score: pl.Expr, top: int, shares: bool, names: pl.DataFrame
) -> pl.DataFrame:
    """One row per `user` with a positive score: `user`, `ranking` (a list of `top` structs of name and score at most).

    Of rows of values_per_user. With `shares` scores are divided by the user's total, those beyond the cut too;
    strongest first, the smaller code first among equals.
    Raises DataGateError where `names` has no word for a code; words themselves need none.
    """
    scores = values.select("user", by, score.cast(pl.Float64).alias("score")).filter(pl.col("score") > 0)
    of_user = scores.with_columns(USER.set_sorted()).group_by("user", maintain_order=True)
    # Values stand in order, and those of equal scores keep it.
    by_score = pl.all().sort_by("score", descending=True, maintain_order=True)
    strongest = of_user.agg(by_score.head(top)).explode(by, "score")
    if shares:
        totals = scores.group_by("user", maintain_order=True).agg(total=pl.col("score").sum())
        strongest = strongest.join(totals, on="user", how="left", maintain_order="left")
        total = pl.col("total") + 0 * pl.col("score")  # never a constant: vocabulary.AGE_DAYS says why
        strongest = strongest.with_columns(pl.col("score") / total)
    named = with_names(strongest, by=by, names=names)
    pair = pl.struct("name", "score").alias("ranking")
    return named.with_columns(USER.set_sorted()).group_by("user", maintain_order=True).agg(pair)


def _number_of_pair(by: str) -> pl.Expr:
    begins = pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in ("user", by))
    return begins.fill_null(value=True).cum_sum().set_sorted().alias("pair")


def with_names(codes: pl.DataFrame, *, by: str, names: pl.DataFrame) -> pl.DataFrame:
    """Adds `name`, the word of the code in `by`. Raises DataGateError where a code has none; words name themselves."""
    if codes.schema[by] == pl.String:
        return codes.with_columns(pl.col(by).alias("name"))
    words = names.filter(pl.col("kind").cast(pl.String) == by).select(pl.col("code").alias(by), name="value")
    named = codes.join(words, on=by, how="left", maintain_order="left")
    nameless = named.filter(pl.col("name").is_null())[by]
    if len(nameless):
        raise DataGateError(
            f"codes of {by} have no word",
            expected="a row of silver.codes for every code in an event",
            received=f"{nameless.n_unique()} without, for instance {nameless[0]}",
            fix="make refine_events, which gives codes",
        )
    return named
