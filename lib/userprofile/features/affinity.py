"""What a user leans to: categories, brands, colours, price bands and other attributes, by acts that fade with time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS, Action
from userprofile.errors import UsageError
from userprofile.features.entries import Feature, Helper
from userprofile.features.vocabulary import DAYS_BEFORE_LAST, did
from userprofile.schemas.gold import scored
from userprofile.windows import ALL_HISTORY

# How much an act says about liking. What was only shown, sent back or complained of says nothing for it, and a search
# has no item.
ACTION_WEIGHTS: dict[str, float] = {
    Action.VIEW: 1.0,
    Action.CLICK: 1.0,
    Action.REVIEW: 2.0,
    Action.CART: 3.0,
    Action.FAVOURITE: 3.0,
    Action.PURCHASE: 5.0,
}

# Past this age the square of a weight would leave the range of float64; such events then count alike, and next to
# nothing.
OLDEST_IN_HALF_LIVES = 500.0

KINDS = (*(f"category_{level}" for level in CATEGORY_LEVELS), "brand", "colour", "price_band")

# Of the events of one value, weighed by `weight`: what its share is made of.
AFFINITY = Helper("affinity", pl.col("affinity_weight").sum())


def affinity(
    *,
    half_life_days: float,
    top: int,
    action_weights: Mapping[str, float] = ACTION_WEIGHTS,
    attributes: Sequence[str] = (),
) -> Iterator[Feature]:
    """`<kind>_affinity` of columns of UserEvents, and `attribute_<name>_affinity` of configured item attributes.

    Raises UsageError for weights, a half-life or a length that cannot be.
    """
    if top < 1:
        raise UsageError("affinities need a length", expected="top >= 1", received=f"top {top}")
    affinity_weight = weight(half_life_days, action_weights)
    weights = ", ".join(f"{action} {value:g}" for action, value in action_weights.items())
    for kind in (*KINDS, *(f"attribute_{name}" for name in attributes)):
        yield Feature(
            f"{kind}_affinity",
            family="affinity",
            expr=pl.col("affinity"),
            dtype=scored(),
            unit="shares, which sum to 1 over all values",
            null="never null: empty where no weighted event has one",
            says=f"per {kind}: sum of action weight * 2^(-age in days / {half_life_days:g}) over events before as_of, "
            f"divided by the user's total; the {top} strongest, ties by code; weights: {weights}",
            window=ALL_HISTORY,
            helpers=(affinity_weight,),
            per="ranking",
            by=kind,
            pairs=(AFFINITY,),
            top=top,
        )


def weight(half_life_days: float, action_weights: Mapping[str, float]) -> Helper:
    """What an event adds to the affinity of its values: 0 for actions without a weight.

    Raises UsageError for weights or a half-life that cannot be.
    """
    _require_weights(action_weights)
    of_action = pl.lit(0.0)
    for action, value in action_weights.items():
        of_action = pl.when(did(action)).then(float(value)).otherwise(of_action)
    return Helper("affinity_weight", of_action * faded(half_life_days))


def faded(half_life_days: float) -> pl.Expr:
    """2^(-days before the user's last event / half-life) per event, in (0, 1], for shares alone.

    In shares it is the same as 2^(-age / half-life), but time alone changes no bit of it. Raises UsageError for a
    half-life that cannot be.
    """
    if half_life_days <= 0:
        raise UsageError(
            "what fades needs a half-life", expected="half_life_days > 0", received=f"half_life_days {half_life_days}"
        )
    half_lives = (DAYS_BEFORE_LAST / half_life_days).clip(upper_bound=OLDEST_IN_HALF_LIVES)
    return (-math.log(2.0) * half_lives).exp()


def _require_weights(action_weights: Mapping[str, float]) -> None:
    wrong = sorted(action for action, value in action_weights.items() if action not in ACTION_CODE or value < 0)
    if wrong:
        raise UsageError(
            "an action weight cannot be",
            expected=f"actions among {', '.join(ACTION_CODE)}, weights >= 0",
            received=", ".join(f"{action} {action_weights[action]}" for action in wrong),
        )
