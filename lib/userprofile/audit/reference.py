"""Features once more, by slow plain Python over a user's rows: an independent account of what they should be.

Nothing here is shared with the feature engine. A definition is found by a column's name without its window, so new
windows are covered by themselves; a column without a definition here is only checked by later_events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from statistics import fmean, stdev

from userprofile.audit import acts, chain, orders
from userprofile.audit.past import Definition, Event, Past, Value, of_some
from userprofile.columns import ACTIONS, Action
from userprofile.windows import Window

_TRENDS: dict[str, Callable[[int, int, Past], float | None]] = {
    "events": acts.events_trend,
    "spend": orders.spend_trend,
}


def definition(name: str, window: Window | None) -> Definition | None:
    """How the column is computed of a Past of its window; None where this module does not know it."""
    without_window = name.removesuffix(f"_{window.name}") if window else name
    trend = re.fullmatch(r"(events|spend)_trend_(\d+)d", without_window)
    if trend and window and window.days:
        return partial(_TRENDS[trend[1]], int(trend[2]), window.days)
    return DEFINITIONS.get(name) or DEFINITIONS.get(without_window)


def _count(action: str, past: Past) -> int:
    return len(past.did(action))


def _days_since(action: str, past: Past) -> float | None:
    done = past.did(action)
    return past.days_before(done[-1]) if done else None


def _days_since_first(action: str, past: Past) -> float | None:
    done = past.did(action)
    return past.days_before(done[0]) if done else None


def _of_one(place: int, value: Callable[[Past, Event], Value], past: Past) -> Value:
    """Of the first event of any action, or the last, -1."""
    return value(past, past.events[place]) if past.events else None


def _time(_: Past, event: Event) -> datetime:
    return event["event_time"]


def _active_days(past: Past) -> int:
    return len({past.local_day(event) for event in past.events})


def _different(what: str, past: Past) -> int:
    return len({event[what] for event in past.events} - {None})


def _ratings(past: Past) -> list[float]:
    return [event["rating"] for event in past.events if event["rating"] is not None]


def _favourites_open(past: Past) -> int:
    wished = {}
    for event in past.events:
        if event["action"] in (Action.FAVOURITE, Action.PURCHASE) and event["item_id"] is not None:
            wished[event["item_id"]] = event["action"] == Action.FAVOURITE
    return sum(wished.values())


DEFINITIONS: dict[str, Definition] = {
    **{f"{action}_count": partial(_count, action) for action in ACTIONS},
    **{f"days_since_{action}": partial(_days_since, action) for action in ACTIONS},
    **{f"days_since_first_{action}": partial(_days_since_first, action) for action in (Action.VIEW, Action.PURCHASE)},
    "days_since_any": partial(_of_one, -1, Past.days_before),
    "tenure_days": partial(_of_one, 0, Past.days_before),
    "first_seen": partial(_of_one, 0, _time),
    "last_seen": partial(_of_one, -1, _time),
    "active_days": _active_days,
    "distinct_items": partial(_different, "item_id"),
    "coupons": partial(_different, "coupon_id"),
    "devices": partial(_different, "device_id"),
    "rfm_recency_days": partial(_days_since, Action.PURCHASE),
    "rating_mean": partial(of_some, fmean, _ratings, 1),
    "rating_sd": partial(of_some, stdev, _ratings, 2),
    "rating_count": lambda past: len(_ratings(past)),
    "favourites_open": _favourites_open,
    **acts.DEFINITIONS,
    **chain.DEFINITIONS,
    **orders.DEFINITIONS,
}
