"""How often: events per action and window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dataframely as dy

from userprofile.columns import ACTIONS
from userprofile.features.entries import NEVER_NULL, Feature
from userprofile.features.vocabulary import did, within
from userprofile.windows import Window


def frequency(windows: Sequence[Window]) -> Iterator[Feature]:
    """`<action>_count_<window>`."""
    for action in ACTIONS:
        for window in windows:
            yield Feature(
                f"{action}_count_{window.name}",
                family="frequency",
                expr=(did(action) & within(window)).sum(),
                dtype=dy.Int64(nullable=False),
                unit="events",
                null=NEVER_NULL,
                says=f"{action} events {window.says}",
                window=window,
            )
