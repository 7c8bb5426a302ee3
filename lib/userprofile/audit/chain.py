"""The reference's definitions of what follows what: the steps from action to action, and down the funnel."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product

from userprofile.audit.past import Definition, Past
from userprofile.columns import Action

_CHAIN = (Action.VIEW, Action.CART, Action.PURCHASE, Action.REVIEW)
_CHAIN_PRIOR, _FUNNEL_PRIOR = 4, 10  # pseudo-events
_STEPS = {
    "view_to_cart": (Action.VIEW, Action.CART),
    "cart_to_purchase": (Action.CART, Action.PURCHASE),
    "exposure_to_click": (Action.EXPOSURE, Action.CLICK),
}


def _chain(past: Past) -> list[str]:
    return [event["action"] for event in past.events if event["action"] in _CHAIN]


def _last_action(past: Past) -> str | None:
    chain = _chain(past)
    return chain[-1] if chain else None


def _followed(last: str, following: str, past: Past) -> int:
    return list(pairwise(_chain(past))).count((last, following))


def _next_given(last: str, following: str, past: Past) -> float | None:
    """The user's followers of `last`, and of the population's actions as many as the prior is strong."""
    population = sum(map(past.of_all, _CHAIN))
    if not population:
        return None
    followers = [other for one, other in pairwise(_chain(past)) if one == last]
    prior = _CHAIN_PRIOR * past.of_all(following) / population
    return (followers.count(following) + prior) / (len(followers) + _CHAIN_PRIOR)


def _step_rate(start: str, success: str, past: Past) -> float | None:
    begun, population = len(past.did(start)), past.of_all(start)
    if not population or not past.of_all(success):
        return None
    prior = _FUNNEL_PRIOR * min(past.of_all(success) / population, 1.0)
    return (min(len(past.did(success)), begun) + prior) / (begun + _FUNNEL_PRIOR)


def _abandonment(past: Past) -> float | None:
    kept = _step_rate(*_STEPS["cart_to_purchase"], past)
    return None if kept is None else 1.0 - kept


def _share_of_action(action: str, past: Past) -> float | None:
    return len(past.did(action)) / len(past.events) if past.events else None


DEFINITIONS: dict[str, Definition] = {
    **{
        f"{last}_then_{following}_count": partial(_followed, last, following)
        for last, following in product(_CHAIN, _CHAIN)
    },
    **{f"next_{other}_given_{one}": partial(_next_given, one, other) for one, other in product(_CHAIN, _CHAIN)},
    **{name: partial(_step_rate, *step) for name, step in _STEPS.items()},
    "cart_abandonment": _abandonment,
    **{f"action_rate_{action}": partial(_share_of_action, action) for action in _CHAIN},
    "last_action": _last_action,
}
