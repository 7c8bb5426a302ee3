"""Features once more, by slow plain Python over a user's rows: an independent account of what they should be.

Nothing here is shared with the feature engine. A definition is found by a column's name without its window, so new
windows are covered by themselves; a column without a definition here is only checked by later_events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from userprofile.columns import ACTIONS, Action
from userprofile.windows import AsOf, Window

# user_id (a pseudonym), event_time, arrived_at, event_order, action (a word), item_id, order_id, amount, discount.
Event = dict[str, Any]
EVENT_FIELDS = (
    "user_id", "event_time", "arrived_at", "event_order", "action", "item_id", "order_id", "amount", "discount",
)  # fmt: skip
Value = int | float | None

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Past:
    """One user's events in a window that ends at the instant `until`, oldest first."""

    events: list[Event]
    until: datetime
    timezone: ZoneInfo

    def did(self, action: str) -> list[Event]:
        return [event for event in self.events if event["action"] == action]

    def days_before(self, event: Event) -> float:
        return (self.until - event["event_time"]) / DAY


Definition = Callable[[Past], Value]


def definition(name: str, window: Window | None) -> Definition | None:
    """How the column is computed of a Past of its window; None where this module does not know it."""
    suffix = f"_{window.name}" if window else ""
    return DEFINITIONS.get(name.removesuffix(suffix))


def past(
    events: Sequence[Event], *, as_of: AsOf, window: Window | None, timezone: str, arrival_lag: timedelta = timedelta(0)
) -> Past:
    """What was known at the instant, by both clocks: it had happened, and had arrived by then plus the lag."""
    inside = [event for event in events if _is_known(event, as_of.instant, arrival_lag)]
    if window is not None and window.days is not None:
        inside = [event for event in inside if event["event_time"] >= as_of.instant - window.days * DAY]
    in_order = sorted(inside, key=lambda event: (event["event_time"], event["event_order"]))
    return Past(in_order, as_of.instant, ZoneInfo(timezone))


def _is_known(event: Event, instant: datetime, arrival_lag: timedelta) -> bool:
    arrived = event["arrived_at"] or event["event_time"]
    return bool(event["event_time"] < instant and arrived < instant + arrival_lag)


def _count(action: str, past: Past) -> int:
    return len(past.did(action))


def _days_since(action: str, past: Past) -> float | None:
    return min((past.days_before(event) for event in past.did(action)), default=None)


def _days_since_any(past: Past) -> float | None:
    return min((past.days_before(event) for event in past.events), default=None)


def _tenure(past: Past) -> float | None:
    return max((past.days_before(event) for event in past.events), default=None)


def _active_days(past: Past) -> int:
    return len({event["event_time"].astimezone(past.timezone).date() for event in past.events})


def _distinct_items(past: Past) -> int:
    return len({event["item_id"] for event in past.events} - {None})


def _order(event: Event) -> tuple[str, Any]:
    return ("instant", event["event_time"]) if event["order_id"] is None else ("number", event["order_id"])


def _orders(past: Past) -> int:
    return len({_order(event) for event in past.did(Action.PURCHASE)})


def _orders_of_a_buyer(past: Past) -> int | None:
    return _orders(past) or None


def _known_sum(events: Sequence[Event]) -> int | None:
    amounts = [event["amount"] for event in events if event["amount"] is not None]
    return sum(amounts) if amounts else None


def _spend(past: Past) -> int | None:
    bought = past.did(Action.PURCHASE)
    return _known_sum(bought) if bought else 0


def _spend_of_a_buyer(past: Past) -> int | None:
    return _known_sum(past.did(Action.PURCHASE))


def _average_order_value(past: Past) -> float | None:
    spend, orders = _spend_of_a_buyer(past), _orders(past)
    return None if spend is None else spend / orders


def _discount_share(past: Past) -> float | None:
    bought = past.did(Action.PURCHASE)
    priced = [event for event in bought if event["amount"] is not None and event["discount"] is not None]
    gross = sum(event["amount"] + event["discount"] for event in priced)
    return sum(event["discount"] for event in priced) / gross if gross > 0 else None


def _last_order_amount(past: Past) -> int | None:
    bought = past.did(Action.PURCHASE)
    return _known_sum([event for event in bought if _order(event) == _order(bought[-1])])


DEFINITIONS: dict[str, Definition] = {
    **{f"{action}_count": partial(_count, action) for action in ACTIONS},
    **{f"days_since_{action}": partial(_days_since, action) for action in ACTIONS},
    "days_since_any": _days_since_any,
    "tenure_days": _tenure,
    "active_days": _active_days,
    "distinct_items": _distinct_items,
    "spend": _spend,
    "orders": _orders,
    "average_order_value": _average_order_value,
    "discount_share": _discount_share,
    "last_order_amount": _last_order_amount,
    "rfm_recency_days": partial(_days_since, Action.PURCHASE),
    "rfm_frequency": _orders_of_a_buyer,
    "rfm_monetary": _spend_of_a_buyer,
}
