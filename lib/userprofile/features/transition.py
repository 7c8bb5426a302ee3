"""What a user does next, given what was done last: a first-order Markov chain over four actions, as a baseline.

An event's successor is the user's next event among ACTIONS, however much later; other actions in between are passed
over. A probability is (k + s * m) / (n + s): n events of the one action with a successor, k of them with the other as
successor, m the other's share among these four actions in the population, s the strength of the prior in
pseudo-events. That is the posterior mean of a multinomial under a Dirichlet prior with mean m.
"""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.columns import ACTION_CODE, Action
from userprofile.errors import UsageError
from userprofile.features.entries import NEVER_NULL, Feature, Helper
from userprofile.features.population import statistic
from userprofile.features.vocabulary import did
from userprofile.windows import ALL_HISTORY

DIRICHLET = (
    "posterior mean under a Dirichlet prior: A. Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), section 3.4"
)
MAXIMUM_LIKELIHOOD = "Bernoulli rate by maximum likelihood"

ACTIONS = (Action.VIEW, Action.CART, Action.PURCHASE, Action.REVIEW)
AMONG = pl.col("action").is_in([ACTION_CODE[action] for action in ACTIONS])


def previous(value: pl.Expr, among: pl.Expr) -> pl.Expr:
    """`value` of the user's previous event that `among` marks, not null there; null for a user's first. Of the call."""
    of_previous, user = (pl.when(among).then(column).forward_fill().shift() for column in (value, pl.col("user")))
    return pl.when(user == pl.col("user")).then(of_previous)


PREVIOUS_ACTION = Helper("previous_action", previous(pl.col("action"), AMONG), at="call")


def transition(*, prior_strength: float = 4.0) -> Iterator[Feature]:
    """`<from>_then_<to>_count`, `next_<to>_given_<from>`, `action_rate_<action>` and `last_action`, over ACTIONS.

    Raises UsageError where the prior strength is not positive.
    """
    if prior_strength <= 0:
        raise UsageError(
            "a probability of no events needs a prior", expected="prior_strength > 0", received=str(prior_strength)
        )
    pairs = [(last, following) for last in ACTIONS for following in ACTIONS]
    for last, following in pairs:
        yield _count(last, following)
    for last, following in pairs:
        yield _probability(last, following, prior_strength)
    for action in ACTIONS:
        yield _rate(action)
    yield _last_action()


def _count(last: Action, following: Action) -> Feature:
    return Feature(
        f"{last}_then_{following}_count",
        family="transition",
        expr=(did(following) & (pl.col(PREVIOUS_ACTION.name) == ACTION_CODE[last])).sum(),
        dtype=dy.Int64(nullable=False),
        unit="events",
        null=NEVER_NULL,
        says=f"{following} events before as_of whose previous event among {', '.join(ACTIONS)} is a {last}",
        window=ALL_HISTORY,
        helpers=(PREVIOUS_ACTION,),
    )


def _probability(last: Action, following: Action, strength: float) -> Feature:
    starts = pl.sum_horizontal(pl.col(f"{last}_then_{other}_count") for other in ACTIONS)
    shares = {action: statistic("action_share", action).fill_null(0.0) for action in ACTIONS}
    total = pl.sum_horizontal(shares.values())
    of_population = pl.when(total > 0).then(shares[following] / total)
    return Feature(
        f"next_{following}_given_{last}",
        family="transition",
        expr=(pl.col(f"{last}_then_{following}_count") + strength * of_population) / (starts + strength),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit=f"probability, smoothed; the four given {last} sum to 1",
        null=f"the population has no {', '.join(ACTIONS)} event before as_of",
        says=f"(k + {strength:g} * m) / (n + {strength:g}): n {last} events followed by one of {', '.join(ACTIONS)}, "
        f"k of them by a {following} first, before as_of; m the share of {following} among these in the population",
        source=DIRICHLET,
        window=ALL_HISTORY,
        per="row",
    )


def _rate(action: Action) -> Feature:
    return Feature(
        f"action_rate_{action}",
        family="transition",
        expr=did(action).mean(),
        dtype=dy.Float64(nullable=False, min=0, max=1),
        unit="share of all events",
        null="never null: a row needs an event",
        says=f"{action} events / all events, before as_of",
        source=MAXIMUM_LIKELIHOOD,
        window=ALL_HISTORY,
    )


def _last_action() -> Feature:
    codes = [ACTION_CODE[action] for action in ACTIONS]
    last = pl.when(AMONG).then(pl.col("action")).drop_nulls().last()
    return Feature(
        "last_action",
        family="transition",
        expr=last.replace_strict(codes, list(map(str, ACTIONS)), default=None, return_dtype=pl.String),
        dtype=dy.String(nullable=True),
        unit="action",
        null=f"no {', '.join(ACTIONS)} event before as_of",
        says=f"the last event among {', '.join(ACTIONS)} before as_of: the chain's present state",
        window=ALL_HISTORY,
    )
