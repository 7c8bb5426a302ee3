"""A few words about a user, for a person to read, from the user's row of gold.user_features."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

TAGS_KEPT = 4

# Below this many days a rate per week is the luck of one or two visits.
SETTLED_TENURE_DAYS = 28


@dataclass(frozen=True)
class Tag:
    """`text` where `when` holds. Of the tags of one theme a user gets the first that holds; null never does."""

    theme: str
    reads: frozenset[str]
    when: pl.Expr
    text: pl.Expr


def tag(theme: str, when: pl.Expr, text: str | pl.Expr) -> Tag:
    """A tag that reads what its expressions name."""
    words = pl.lit(text) if isinstance(text, str) else text
    return Tag(theme, frozenset([*when.meta.root_names(), *words.meta.root_names()]), when, words)


_TENURE, _SINCE, _ORDERS = pl.col("tenure_days"), pl.col("days_since_purchase"), pl.col("orders_all")
_SEGMENT = pl.col("rfm_segment")
_TOP_CATEGORY = pl.col("category_1_affinity").list.first()
# Of a grocer's customers nine in ten love groceries: the level below tells them apart.
_TOP_OF_LEVEL_2 = pl.col("category_2_affinity").list.first()
_LEVEL_2_NAME = _TOP_OF_LEVEL_2.struct["name"].str.split(" / ").list.last()
_DISCOUNT = pl.col("discount_share")

# Orders a week over the last 90 days, or over as many days as the user has been known.
_WEEKLY = 7 * pl.col("orders_90d") / _TENURE.clip(upper_bound=90)
_SETTLED = _TENURE >= SETTLED_TENURE_DAYS

# Themes in the order of what a reader wants to know first.
TAGS: tuple[Tag, ...] = (
    tag("status", _SINCE.is_null() & (pl.col("view_count_all") > 0), "looks, has not bought"),
    tag("status", _SINCE.is_null(), "has not bought"),
    tag("status", _TENURE < SETTLED_TENURE_DAYS, "new"),
    tag("status", (_ORDERS >= 3) & (_SINCE > 30) & (_SINCE > 3 * _TENURE / _ORDERS), "lapsing"),
    tag("value", _SEGMENT.is_in(["champions", "loyal"]), "one of the best customers"),
    tag("value", _SEGMENT.is_in(["potential_loyalist", "promising"]), "on the way to loyal"),
    tag("value", _SEGMENT.is_in(["cannot_lose", "at_risk"]), "valuable, at risk"),
    tag("value", _SEGMENT.is_in(["need_attention", "about_to_sleep"]), "cooling off"),
    tag("value", _SEGMENT.is_in(["hibernating", "lost"]), "long gone"),
    tag("taste", _TOP_OF_LEVEL_2.struct["score"] >= 0.15, pl.lit("loves ") + _LEVEL_2_NAME),
    tag("taste", _TOP_OF_LEVEL_2.struct["score"] >= 0.03, pl.lit("likes ") + _LEVEL_2_NAME),
    tag("taste", _TOP_CATEGORY.struct["score"] >= 0.4, pl.lit("loves ") + _TOP_CATEGORY.struct["name"]),
    tag("taste", _TOP_CATEGORY.struct["score"] < 0.15, "buys across the shop"),
    tag("taste", _TOP_CATEGORY.struct["score"].is_not_null(), pl.lit("likes ") + _TOP_CATEGORY.struct["name"]),
    tag("rhythm", _SETTLED & (_WEEKLY >= 2), "several times a week"),
    tag("rhythm", _SETTLED & (_WEEKLY >= 0.75), "weekly shopper"),
    tag("rhythm", _SETTLED & (_WEEKLY >= 0.35), "fortnightly shopper"),
    tag("rhythm", _SETTLED & (_WEEKLY >= 0.15), "monthly shopper"),
    tag("rhythm", _SETTLED & (_WEEKLY > 0), "buys now and then"),
    tag("rhythm", pl.col("active_days_all") == 1, "came on one day"),
    tag("rhythm", pl.col("active_days_all") > 1, "came on several days"),
    tag("price", _DISCOUNT >= 0.3, "discount hunter"),
    tag("price", (_DISCOUNT <= 0.02) & (_ORDERS >= 3), "pays full price"),
    tag("care", pl.col("return_count_all") >= 0.3 * pl.col("purchase_count_all").clip(lower_bound=3), "returns a lot"),
    tag("activity", pl.col("days_since_any") <= 7, "seen this week"),
    tag("activity", pl.col("days_since_any") <= 30, "seen this month"),
    tag("activity", pl.col("days_since_any") > 30, "not seen for a month"),
)


def with_tags(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `tags`, list[str], never null: at most TAGS_KEPT, one a theme, themes in the order of TAGS.

    With all columns of gold.user_features nobody has fewer than three: a buyer has a value, everyone else a status,
    and all a rhythm and an activity. A tag whose columns the frame lacks never fires.
    """
    usable = [one for one in TAGS if one.reads <= set(frame.columns)]
    if not usable:
        return frame.with_columns(pl.lit([], dtype=pl.List(pl.String)).alias("tags"))
    of_theme = [
        pl.coalesce(pl.when(one.when).then(one.text) for one in usable if one.theme == theme)
        for theme in dict.fromkeys(one.theme for one in usable)
    ]
    return frame.with_columns(pl.concat_list(of_theme).list.drop_nulls().list.head(TAGS_KEPT).alias("tags"))
