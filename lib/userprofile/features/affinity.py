"""What a user leans to: categories at each level, and brands, by acts that fade with time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS, Action
from userprofile.errors import UsageError
from userprofile.features.entries import Feature, Helper
from userprofile.features.vocabulary import AGE_DAYS
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

# Past this age the weight would leave the range of float64; such events then count alike, and next to nothing.
OLDEST_IN_HALF_LIVES = 1_000.0

KINDS = (*(f"category_{level}" for level in CATEGORY_LEVELS), "brand")


def affinity(
    *, half_life_days: float, top: int, action_weights: Mapping[str, float] = ACTION_WEIGHTS
) -> Iterator[Feature]:
    """`category_<level>_affinity` and `brand_affinity`. Raises UsageError for weights or a half-life that cannot be."""
    _require_possible(half_life_days, top, action_weights)
    weight = Helper("affinity_weight", _weight(half_life_days, action_weights))
    weights = ", ".join(f"{action} {value:g}" for action, value in action_weights.items())
    for kind in KINDS:
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
            helpers=(weight,),
            per="ranking",
            by=kind,
            pairs=(Helper("affinity", pl.col(weight.name).sum()),),
            top=top,
        )


def _weight(half_life_days: float, action_weights: Mapping[str, float]) -> pl.Expr:
    """0 for actions without a weight."""
    codes = [ACTION_CODE[action] for action in action_weights]
    weights = [float(weight) for weight in action_weights.values()]
    of_action = pl.col("action").replace_strict(codes, weights, default=0.0, return_dtype=pl.Float64)
    half_lives = (AGE_DAYS / half_life_days).clip(upper_bound=OLDEST_IN_HALF_LIVES)
    return of_action * pl.lit(2.0).pow(-half_lives)


def _require_possible(half_life_days: float, top: int, action_weights: Mapping[str, float]) -> None:
    if half_life_days <= 0 or top < 1:
        raise UsageError(
            "affinities need a half-life and a length",
            expected="half_life_days > 0, top >= 1",
            received=f"half_life_days {half_life_days}, top {top}",
        )
    wrong = sorted(action for action, weight in action_weights.items() if action not in ACTION_CODE or weight < 0)
    if wrong:
        raise UsageError(
            "an action weight cannot be",
            expected=f"actions among {', '.join(ACTION_CODE)}, weights >= 0",
            received=", ".join(f"{action} {action_weights[action]}" for action in wrong),
        )
