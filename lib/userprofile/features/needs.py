"""What a user looks for and how content they are: searches, the categories they led to, ratings, mood, wishes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dataframely as dy
import polars as pl

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS, Action
from userprofile.errors import UsageError
from userprofile.features.affinity import faded
from userprofile.features.entries import NEVER_NULL, Feature, Helper, Key
from userprofile.features.transition import previous
from userprofile.features.vocabulary import did
from userprofile.schemas.gold import scored
from userprofile.windows import ALL_HISTORY

# What may follow from a search.
FOLLOWING = (Action.VIEW, Action.CLICK, Action.CART, Action.PURCHASE)

SEARCHED = did(Action.SEARCH)
QUERY = Key("searched_query", pl.when(SEARCHED).then(pl.col("query")))
WISH = Key("wished_item", pl.when(did(Action.FAVOURITE) | did(Action.PURCHASE)).then(pl.col("item")))


def needs(
    *, half_life_days: float, top: int, level: int = 2, search_leads_for: timedelta = timedelta(minutes=30)
) -> Iterator[Feature]:
    """`top_queries`, `searched_category_affinity` (of a level), `rating_mean`, `rating_sd`, `rating_count`,
    `sentiment_mean` and `favourites_open`.

    Raises UsageError for a half-life, a length, a level or a time that cannot be.
    """
    if top < 1 or level not in CATEGORY_LEVELS or search_leads_for <= timedelta(0):
        raise UsageError(
            "searches cannot be ranked",
            expected=f"top >= 1, level among {', '.join(map(str, CATEGORY_LEVELS))}, search_leads_for > 0",
            received=f"top {top}, level {level}, search_leads_for {search_leads_for}",
        )
    fading = Helper("faded", faded(half_life_days))
    yield _top_queries(fading, half_life_days, top)
    yield _searched_categories(fading, half_life_days, top, level, search_leads_for)
    yield from _ratings()
    yield _sentiment()
    yield _favourites_open()


def _top_queries(fading: Helper, half_life_days: float, top: int) -> Feature:
    return Feature(
        "top_queries",
        family="needs",
        expr=pl.col("searched"),
        dtype=scored(),
        unit="shares, which sum to 1 over all search terms",
        null="never null: empty without a search that has a term",
        says=f"per search term: sum of 2^(-age in days / {half_life_days:g}) over searches before as_of, divided by "
        f"the user's total; the {top} strongest, ties by alphabet",
        window=ALL_HISTORY,
        helpers=(fading,),
        keys=(QUERY,),
        per="ranking",
        by=QUERY.name,
        pairs=(Helper("searched", pl.col(fading.name).sum()),),
        top=top,
    )


def _searched_categories(
    fading: Helper, half_life_days: float, top: int, level: int, search_leads_for: timedelta
) -> Feature:
    category, minutes = f"category_{level}", search_leads_for / timedelta(minutes=1)
    led_to = Helper("led_to_by_search", _led_to_by_search(search_leads_for), at="call")
    return Feature(
        "searched_category_affinity",
        family="needs",
        expr=pl.col("led_to"),
        dtype=scored(),
        unit="shares, which sum to 1 over all values",
        null=f"never null: empty where no search led to an item with a {category}",
        says=f"per {category}: sum of 2^(-age in days / {half_life_days:g}) over events before as_of that are the "
        f"first of {', '.join(FOLLOWING)} after a search, at most {minutes:g} minutes after it, divided by the user's "
        f"total; the {top} strongest, ties by code",
        window=ALL_HISTORY,
        helpers=(fading, led_to),
        per="ranking",
        by=category,
        pairs=(Helper("led_to", pl.when(pl.col(led_to.name)).then(pl.col(fading.name)).sum()),),
        top=top,
    )


def _led_to_by_search(search_leads_for: timedelta) -> pl.Expr:
    """True for the first event of FOLLOWING after a search, while that search leads."""
    follows = pl.col("action").is_in([ACTION_CODE[action] for action in FOLLOWING])
    time, step = pl.col("event_time"), SEARCHED | follows
    after_search = previous(pl.col("action"), step) == ACTION_CODE[Action.SEARCH]
    return follows & after_search & (time - previous(time, step) <= search_leads_for)


def _ratings() -> Iterator[Feature]:
    rating = pl.col("rating")
    yield Feature(
        "rating_mean",
        family="needs",
        expr=rating.mean(),
        dtype=dy.Float64(nullable=True),
        unit="rating points of the source",
        null="no rating before as_of",
        says="mean of all ratings before as_of",
        window=ALL_HISTORY,
    )
    yield Feature(
        "rating_sd",
        family="needs",
        expr=rating.std(),
        dtype=dy.Float64(nullable=True, min=0),
        unit="rating points of the source",
        null="fewer than two ratings before as_of",
        says="standard deviation (by n - 1) of all ratings before as_of",
        window=ALL_HISTORY,
    )
    yield Feature(
        "rating_count",
        family="needs",
        expr=rating.count(),
        dtype=dy.Int64(nullable=False),
        unit="ratings",
        null=NEVER_NULL,
        says="events with a rating before as_of",
        window=ALL_HISTORY,
    )


def _sentiment() -> Feature:
    return Feature(
        "sentiment_mean",
        family="needs",
        expr=pl.col("sentiment").mean(),
        dtype=dy.Float64(nullable=True, min=-1, max=1),
        unit="-1 (unhappy) to 1 (happy)",
        null="no text with a sentiment before as_of",
        says="mean of the sentiments of all texts before as_of",
        window=ALL_HISTORY,
    )


def _favourites_open() -> Feature:
    # The last of an item's favourites and purchases says whether it is still wished for.
    return Feature(
        "favourites_open",
        family="needs",
        expr=(pl.col(f"is_last_of_{WISH.name}") & did(Action.FAVOURITE)).sum(),
        dtype=dy.Int64(nullable=False),
        unit="items",
        null=NEVER_NULL,
        says="items whose last favourite or purchase before as_of is a favourite: wished for, and not bought since",
        window=ALL_HISTORY,
        keys=(WISH,),
    )
