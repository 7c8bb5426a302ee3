"""What a user did in each category, where it is enough to tell something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.errors import UsageError
from userprofile.features.affinity import ACTION_WEIGHTS, AFFINITY, weight
from userprofile.features.assemble import in_schema
from userprofile.features.entries import Key
from userprofile.features.monetary import spent
from userprofile.features.orderings import rows_by_value
from userprofile.features.ranking import USER, values_per_user, with_names
from userprofile.features.repurchase import FIRST_BOUGHT, LAST_BOUGHT
from userprofile.features.vocabulary import AGE_DAYS, BOUGHT, ORDER
from userprofile.schemas.gold import UserCategoryFeatures
from userprofile.windows import MICROSECONDS_A_DAY, AsOf, in_time_order

READ = ("event_time", "known_at", "action", "amount", "order")  # beside the category, the user and the order of events


def user_categories_per_user(
    events: pl.DataFrame,
    *,
    as_ofs: Sequence[AsOf],
    level: int,
    floor: int,
    half_life_days: float,
    names: pl.DataFrame,
) -> pl.DataFrame:
    """gold.user_category_features: a row per user, as-of date and category of the level with `floor` events or more.

    `events` are UserEvents, whole users, in any order; `names` are rows of SilverCodes with the words of the level.
    Rows by user, date and the category's code. Affinities are those of features/affinity.py: shares of all of the
    user's categories, those below the floor too.
    Raises UsageError for a level or a floor that cannot be, DataGateError where a category has no word.
    """
    if level not in CATEGORY_LEVELS or floor < 1:
        raise UsageError(
            "features per category need a level and a floor",
            expected=f"level among {', '.join(map(str, CATEGORY_LEVELS))}, floor >= 1",
            received=f"level {level}, floor {floor}",
        )
    by = f"category_{level}"
    numbered = in_time_order(events).with_columns(pl.col("user_id").rle_id().alias("user"))
    together = numbered.select(pl.col("user", *READ, by).gather(rows_by_value(numbered, Key(by, pl.col(by)))))
    fading = weight(half_life_days, ACTION_WEIGHTS)
    dated = []
    for as_of in as_ofs:
        # A product, since Polars divides one row by a constant otherwise than several, with other last bits.
        age_days = (pl.lit(as_of.instant) - pl.col("event_time")).to_physical() * (1 / MICROSECONDS_A_DAY)
        before_last = pl.col("age_days") - pl.col("age_days").min().over("user")
        known = together.filter(as_of.knows()).with_columns(age_days.alias("age_days"))
        known = known.with_columns(days_before_last=before_last)
        pairs = _pairs(known.with_columns(fading.expr.alias(fading.name)).rechunk(), by=by)
        enough = pairs.filter(pl.col("event_count") >= floor).with_columns(as_of_date=as_of.date)
        dated.append(enough.join(_users(numbered, as_of), on="user", how="left", maintain_order="left"))
    if not dated:
        return UserCategoryFeatures.create_empty()
    rows = with_names(pl.concat(dated).sort("user", "as_of_date", by), by=by, names=names)
    shares = rows.with_columns(category="name", event_share=_share("event_count", of="user_events"))
    return in_schema(shares, UserCategoryFeatures)


def _pairs(known: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """One row per `user` and value of `by`, both ascending, of events that stand so and in order of time."""
    pairs = values_per_user(known, by=by, columns=_columns())
    # Before any join, which would forget that users stand together: sums of floats rest on it.
    total = pairs.group_by("user", maintain_order=True).agg(total=pl.col("affinity").sum())
    bought = known.filter(BOUGHT).select("user", by, ORDER.expr.alias("order")).unique()
    orders = bought.group_by("user", by).len("orders")
    pairs = pairs.join(total, on="user", how="left", maintain_order="left")
    pairs = pairs.join(orders, on=["user", by], how="left", maintain_order="left")
    span = pl.col(FIRST_BOUGHT.name) - pl.col(LAST_BOUGHT.name)
    gaps = pl.col("orders").cast(pl.Int64) - 1
    return pairs.with_columns(
        pl.col("orders").fill_null(0),
        purchase_cycle_days=pl.when((gaps > 0) & (span > 0)).then(span / gaps),
        affinity=_share("affinity", of="total"),
        days_since_purchase=pl.col(LAST_BOUGHT.name),
    )


def _share(part: str, *, of: str) -> pl.Expr:
    """Null where the whole is 0."""
    # Joined to the rows of one user alone the whole is a constant, and Polars would take part * (1 / whole): other last
    # bits than among other users. Added to a column it is one.
    whole = pl.col(of) + 0 * pl.col(part)
    return pl.when(whole > 0).then(pl.col(part) / whole)


def _users(numbered: pl.DataFrame, as_of: AsOf) -> pl.DataFrame:
    known = numbered.select("user", "user_id", "known_at").filter(as_of.knows()).with_columns(USER.set_sorted())
    return known.group_by("user", maintain_order=True).agg(pl.col("user_id").first(), user_events=pl.len())


def _columns() -> Mapping[str, pl.Expr]:
    return {
        "event_count": pl.len(),
        "purchase_count": BOUGHT.sum(),
        "spend": spent(BOUGHT),
        "days_since_first_event": AGE_DAYS.max(),
        "days_since_last_event": AGE_DAYS.min(),
        **{helper.name: helper.expr for helper in (FIRST_BOUGHT, LAST_BOUGHT, AFFINITY)},
    }
