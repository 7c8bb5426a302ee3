"""How narrow, how new and how faithful: the spread of affinities, first-time categories, and what is bought again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dataframely as dy
import polars as pl

from userprofile.features.affinity import ACTION_WEIGHTS, AFFINITY, weight
from userprofile.features.entries import Feature, Helper, Key
from userprofile.features.vocabulary import BOUGHT, ORDER, SAME_ORDER, within
from userprofile.windows import ALL_HISTORY, Window

SHANNON = "C. E. Shannon, A Mathematical Theory of Communication (1948)"
HERFINDAHL = (
    "O. C. Herfindahl, Concentration in the Steel Industry (1950); "
    "A. O. Hirschman, National Power and the Structure of Foreign Trade (1945)"
)

SPREAD_KINDS = ("category_1", "category_2", "brand")
NOVELTY_KIND, NOVELTY_WINDOW = "category_2", Window(30)
LOYALTY_KINDS = ("item", "brand")

ORDER_KEY = Helper("order_key", ORDER.expr, at="call")


def concentration(
    *,
    half_life_days: float,
    action_weights: Mapping[str, float] = ACTION_WEIGHTS,
    novelty_window: Window = NOVELTY_WINDOW,
) -> Iterator[Feature]:
    """`<kind>_entropy`, `<kind>_herfindahl`, `novelty_share_<window>` and `<kind>_repeat_share`.

    Half-life and weights are those of the affinities, whose helper this family shares. Raises UsageError as they do.
    """
    affinity_weight = weight(half_life_days, action_weights)
    for kind in SPREAD_KINDS:
        yield _entropy(kind, affinity_weight)
        yield _herfindahl(kind, affinity_weight)
    yield _novelty(novelty_window)
    for kind in LOYALTY_KINDS:
        yield _repeat_share(kind)


# Sums alone, never a share per value: a group's total beside each of its values would cost several times as much.
_TOTAL = pl.col(AFFINITY.name).sum()


def _entropy(kind: str, affinity_weight: Helper) -> Feature:
    affinity = pl.col(AFFINITY.name)
    scaled = pl.when(affinity > 0).then(affinity * affinity.log()).sum() / _TOTAL
    return Feature(
        f"{kind}_entropy",
        family="concentration",
        # Of one value rounding may leave a hair less than nothing.
        expr=pl.when(_TOTAL > 0).then((_TOTAL.log() - scaled).clip(lower_bound=0.0)),
        dtype=dy.Float64(nullable=True, min=0),
        unit="nats",
        null=f"no weighted event has a {kind}",
        says=f"sum of -share * ln(share) over all affinity shares of {kind}: 0 for one value, ln(n) for n alike",
        source=SHANNON,
        window=ALL_HISTORY,
        helpers=(affinity_weight,),
        per="values",
        by=kind,
        pairs=(AFFINITY,),
    )


def _herfindahl(kind: str, affinity_weight: Helper) -> Feature:
    affinity = pl.col(AFFINITY.name)
    return Feature(
        f"{kind}_herfindahl",
        family="concentration",
        expr=pl.when(_TOTAL > 0).then((affinity * affinity).sum() / (_TOTAL * _TOTAL)),
        dtype=dy.Float64(nullable=True, min=0),
        unit="sum of squared shares",
        null=f"no weighted event has a {kind}",
        says=f"sum of the squares of all affinity shares of {kind}: 1 for one value, 1/n for n alike",
        source=HERFINDAHL,
        window=ALL_HISTORY,
        helpers=(affinity_weight,),
        per="values",
        by=kind,
        pairs=(AFFINITY,),
    )


def _novelty(window: Window) -> Feature:
    # Events of a value stand in order of time, and the window ends at as_of.
    first = Helper(f"first_within_{window.name}", within(window).first())
    last = Helper(f"last_within_{window.name}", within(window).last())
    touched = pl.col(last.name).sum()
    return Feature(
        f"novelty_share_{window.name}",
        family="concentration",
        expr=pl.when(touched > 0).then(pl.col(first.name).sum() / touched),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share",
        null=f"no event {window.says} has a {NOVELTY_KIND}",
        says=f"values of {NOVELTY_KIND} with their first event {window.says} / values with any event {window.says}",
        window=window,
        per="values",
        by=NOVELTY_KIND,
        pairs=(first, last),
    )


def _repeat_share(kind: str) -> Feature:
    value = Key(f"bought_{kind}", pl.when(BOUGHT).then(pl.col(kind)))
    order = pl.col(ORDER_KEY.name)
    least, greatest = Helper("least_order", order.min()), Helper("greatest_order", order.max())
    return Feature(
        f"{kind}_repeat_share",
        family="concentration",
        expr=(pl.col(least.name) != pl.col(greatest.name)).mean(),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share",
        null=f"no purchase before as_of has a value of {kind}",
        says=f"values of {kind} bought in two orders or more / values of {kind} bought, before as_of; {SAME_ORDER}",
        window=ALL_HISTORY,
        helpers=(ORDER_KEY,),
        keys=(value,),
        per="values",
        by=value.name,
        pairs=(least, greatest),
    )
