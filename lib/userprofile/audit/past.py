"""What a user had done by an instant, as slow plain Python sees it: what the reference's definitions are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from userprofile.columns import Action
from userprofile.windows import AsOf, Window

# user_id is a pseudonym, action a word, and amounts are in minor units.
Event = dict[str, Any]
EVENT_FIELDS = (
    "user_id", "event_time", "arrived_at", "event_order", "action", "item_id", "order_id", "quantity", "amount",
    "discount", "coupon_id", "device_id", "rating", "dwell_seconds",
)  # fmt: skip
Value = int | float | str | datetime | None

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Given:
    """What holds for all users, and how many events of each action all people have that the date knows."""

    timezone: str
    session_gap: timedelta
    arrival_lag: timedelta
    population: Mapping[date, Mapping[str, int]]


@dataclass(frozen=True)
class Past:
    """One user's events before the as-of instant, oldest first, and a window that ends there."""

    known: list[Event]
    since: datetime | None  # where the window begins, if it does
    as_of: AsOf
    given: Given

    @cached_property
    def events(self) -> list[Event]:
        """Those in the window."""
        return [event for event in self.known if self.since is None or event["event_time"] >= self.since]

    def did(self, action: str) -> list[Event]:
        """Events of the action."""
        return [event for event in self.events if event["action"] == action]

    def acts(self) -> list[Event]:
        """What the user did, rather than was shown."""
        return [event for event in self.events if event["action"] != Action.EXPOSURE]

    def of_all(self, action: str) -> int:
        """Events of all people."""
        return self.given.population[self.as_of.date].get(action, 0)

    def days_before(self, event: Event) -> float:
        """From the event to the as-of instant, in days of 86,400 s."""
        return (self.as_of.instant - event["event_time"]) / DAY

    def local(self, event: Event) -> datetime:
        """When it happened, by the clock on the wall."""
        return event["event_time"].astimezone(ZoneInfo(self.given.timezone)).replace(tzinfo=None)

    def local_day(self, event: Event) -> date:
        """The calendar day on which it happened there."""
        return self.local(event).date()


Definition = Callable[[Past], Value]


def past(events: Sequence[Event], *, as_of: AsOf, window: Window | None, given: Given) -> Past:
    """What was known at the instant, by both clocks: it had happened, and had arrived by then plus the lag."""
    known = [event for event in events if _is_known(event, as_of.instant, given.arrival_lag)]
    known.sort(key=lambda event: (event["event_time"], event["event_order"]))
    since = as_of.instant - window.days * DAY if window and window.days is not None else None
    return Past(known, since, as_of, given)


def _is_known(event: Event, instant: datetime, arrival_lag: timedelta) -> bool:
    arrived = event["arrived_at"] or event["event_time"]
    return bool(event["event_time"] < instant and arrived < instant + arrival_lag)


def of_some(
    function: Callable[[list[float]], float], values_of: Callable[[Past], list[float]], least: int, past: Past
) -> Value:
    """The function of some values of the past; null of fewer than `least`."""
    values = values_of(past)
    return function(values) if len(values) >= least else None
