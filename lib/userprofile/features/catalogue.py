"""The feature catalogue: every family, composed; and the schema that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import timedelta

import dataframely as dy

from userprofile.features.activity import activity
from userprofile.features.affinity import ACTION_WEIGHTS, affinity
from userprofile.features.baskets import baskets
from userprofile.features.btyd import btyd
from userprofile.features.channels import channels
from userprofile.features.concentration import concentration
from userprofile.features.entries import Catalogue, Feature
from userprofile.features.frequency import frequency
from userprofile.features.funnel import funnel
from userprofile.features.monetary import monetary
from userprofile.features.needs import needs
from userprofile.features.recency import recency
from userprofile.features.repurchase import repurchase
from userprofile.features.rfm import rfm
from userprofile.features.rhythm import rhythm
from userprofile.features.risk import risk
from userprofile.features.sessions import sessions
from userprofile.features.transition import transition
from userprofile.schemas.gold import PerUser
from userprofile.windows import ALL_HISTORY, Window

DEFAULT_WINDOWS = (Window(7), Window(30), Window(90), Window(180))


def catalogue(
    *,
    timezone: str,
    windows: Sequence[Window] = DEFAULT_WINDOWS,
    session_gap: timedelta = timedelta(minutes=30),
    half_life_days: float = 30.0,
    affinity_top: int = 10,
    action_weights: Mapping[str, float] = ACTION_WEIGHTS,
    item_attributes: Sequence[str] = (),
    rfm_window: Window = ALL_HISTORY,
    extra: Iterable[Feature] = (),
) -> Catalogue:
    """Every feature, over `windows` and all history; `timezone` says where a calendar day begins.

    Raises UsageError where two entries have one name, naming them.
    """
    spans = list(dict.fromkeys([*windows, ALL_HISTORY]))
    return compose(
        activity(spans, timezone=timezone),
        sessions(spans, session_gap=session_gap),
        rhythm(spans, timezone=timezone),
        channels(),
        recency(),
        frequency(spans),
        funnel(spans),
        transition(),
        monetary(spans),
        baskets(),
        rfm(rfm_window),
        btyd(timezone=timezone),
        affinity(
            half_life_days=half_life_days, top=affinity_top, action_weights=action_weights, attributes=item_attributes
        ),
        concentration(half_life_days=half_life_days, action_weights=action_weights),
        repurchase(),
        needs(half_life_days=half_life_days, top=affinity_top),
        risk(timezone=timezone),
        extra,
    )


def compose(*families: Iterable[Feature]) -> Catalogue:
    """Families one after the other."""
    return Catalogue(tuple(feature for family in families for feature in family))


def user_features_schema(catalogue: Catalogue) -> type[dy.Schema]:
    """The class of gold.user_features: the key, then one column an entry."""
    # A column learns its name from the class that holds it, so every class gets its own.
    columns = {feature.name: deepcopy(feature.dtype) for feature in catalogue.features}
    return type("UserFeatures", (PerUser,), columns)


def dense_names(catalogue: Catalogue) -> list[str]:
    """The numbers among the columns, which a model can read as they are (with a mask where null)."""
    return [feature.name for feature in catalogue.features if feature.dtype.dtype.is_numeric()]
