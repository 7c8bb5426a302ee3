"""How far a user goes from one step to the next: rates of the funnel, near the population's where events are few.

A user's rate is (k + s * m) / (n + s): n events of the step's start, k of its success (cut at n: a cart may be filled
without a view that the log saw), m the population's ratio of the two (cut at 1), s the strength of the prior in
pseudo-events. That is the posterior mean of a binomial rate under a beta prior with mean m and s pseudo-events, whose
mean is estimated from the data (empirical Bayes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dataframely as dy
import polars as pl

from userprofile.columns import Action
from userprofile.errors import UsageError
from userprofile.features.entries import Feature
from userprofile.features.population import statistic
from userprofile.windows import Window

EMPIRICAL_BAYES = (
    "posterior mean under a beta prior: A. Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), sections 2.4 and 5.1"
)

STEPS: dict[str, tuple[Action, Action]] = {
    "view_to_cart": (Action.VIEW, Action.CART),
    "cart_to_purchase": (Action.CART, Action.PURCHASE),
    "exposure_to_click": (Action.EXPOSURE, Action.CLICK),
}


def funnel(windows: Sequence[Window], *, prior_strength: float = 10.0) -> Iterator[Feature]:
    """`view_to_cart_<window>`, `cart_to_purchase_<window>`, `exposure_to_click_<window>`, `cart_abandonment_<window>`.

    Stands behind the frequency family of the same windows, whose counts it reads. Raises UsageError where the prior
    strength is not positive.
    """
    if prior_strength <= 0:
        raise UsageError(
            "a rate of no events needs a prior", expected="prior_strength > 0", received=str(prior_strength)
        )
    for name, (start, success) in STEPS.items():
        for window in windows:
            yield _rate(name, start, success, window, prior_strength)
    for window in windows:
        yield _abandonment(window)


def _rate(name: str, start: Action, success: Action, window: Window, strength: float) -> Feature:
    starts = pl.col(f"{start}_count_{window.name}")
    successes = pl.min_horizontal(pl.col(f"{success}_count_{window.name}"), starts)
    of_population = (statistic("action_share", success) / statistic("action_share", start)).clip(upper_bound=1.0)
    return Feature(
        f"{name}_{window.name}",
        family="funnel",
        expr=(successes + strength * of_population) / (starts + strength),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit=f"{success} events per {start} event, smoothed",
        null=_never_both(start, success),
        says=f"(k + {strength:g} * m) / (n + {strength:g}): n {start} events and k {success} events, n at most, "
        f"{window.says}; m the population's {success} events per {start} event before as_of, 1 at most",
        source=EMPIRICAL_BAYES,
        window=window,
        per="row",
    )


def _abandonment(window: Window) -> Feature:
    kept = f"cart_to_purchase_{window.name}"
    return Feature(
        f"cart_abandonment_{window.name}",
        family="funnel",
        expr=1.0 - pl.col(kept),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share of cart events, smoothed",
        null=_never_both(Action.CART, Action.PURCHASE),
        says=f"1 - {kept}",
        source=EMPIRICAL_BAYES,
        window=window,
        per="row",
    )


def _never_both(start: Action, success: Action) -> str:
    return f"the population has no {start} event or no {success} event before as_of"
