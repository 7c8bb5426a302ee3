"""The reference's definitions of when and how a user acts: visits, rhythm, bursts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from statistics import fmean, stdev

from userprofile.audit.past import DAY, Definition, Event, Past, of_some
from userprofile.columns import Action

_NIGHT_ENDS = 6  # o'clock
_IN_BALANCE = 1e-9  # a mean vector as short as this has no direction
_MONDAY_TO_SUNDAY = 7


def _sessions(past: Past) -> list[list[Event]]:
    """Acts of each session that began in the window."""
    sessions: list[list[Event]] = []
    for act in replace(past, since=None).acts():
        if not sessions or act["event_time"] - sessions[-1][-1]["event_time"] > past.given.session_gap:
            sessions.append([])
        sessions[-1].append(act)
    return [acts for acts in sessions if past.since is None or acts[0]["event_time"] >= past.since]


def _session_sizes(past: Past) -> list[float]:
    return [len(acts) for acts in _sessions(past)]


def _session_minutes(past: Past) -> list[float]:
    return [(acts[-1]["event_time"] - acts[0]["event_time"]) / timedelta(minutes=1) for acts in _sessions(past)]


def _dwells(past: Past) -> list[float]:
    """Those that had ended."""
    dwelt = [(act["event_time"], act["dwell_seconds"]) for act in past.acts() if act["dwell_seconds"] is not None]
    return [seconds for time, seconds in dwelt if time + timedelta(seconds=seconds) < past.as_of.instant]


def _active_gaps(past: Past) -> list[float]:
    days = sorted({past.local_day(act) for act in past.acts()})
    return [(later - earlier).days for earlier, later in pairwise(days)]


def _hour(past: Past, act: Event) -> float:
    local = past.local(act)
    return (local - local.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(hours=1)


def _weekday(past: Past, act: Event) -> float:
    return past.local(act).weekday()


def _mean_vector(point: Callable[[Past, Event], float], period: int, past: Past) -> complex | None:
    angles = [2 * math.pi * point(past, act) / period for act in past.acts()]
    return complex(fmean(map(math.cos, angles)), fmean(map(math.sin, angles))) if angles else None


def _circular_mean(point: Callable[[Past, Event], float], period: int, past: Past) -> float | None:
    mean = _mean_vector(point, period, past)
    if mean is None or abs(mean) <= _IN_BALANCE:
        return None
    place = math.atan2(mean.imag, mean.real) / (2 * math.pi) * period
    return place % period if abs(place) > _IN_BALANCE else 0.0


def _strength(point: Callable[[Past, Event], float], period: int, past: Past) -> float | None:
    mean = _mean_vector(point, period, past)
    return None if mean is None else min(abs(mean), 1.0)


def _night_share(past: Past) -> float | None:
    acts = past.acts()
    return sum(past.local(act).hour < _NIGHT_ENDS for act in acts) / len(acts) if acts else None


def events_trend(short: int, long: int, past: Past) -> float | None:
    """Of a Past whose window is the long one, in days."""
    acts = past.acts()
    recent = [act for act in acts if act["event_time"] >= past.as_of.instant - short * DAY]
    return (len(recent) / short) / (len(acts) / long) if acts else None


def _most(events: list[Event], unit: Callable[[Event], Hashable]) -> int:
    return max(Counter(map(unit, events)).values(), default=0)


def _most_per(seconds: int, did: Callable[[Past], list[Event]], past: Past) -> int:
    return _most(did(past), lambda event: event["event_time"].timestamp() // seconds)


def _most_per_day(did: Callable[[Past], list[Event]], past: Past) -> int:
    return _most(did(past), past.local_day)


def _identical_gap_share(past: Past) -> float | None:
    between = [later["event_time"] - earlier["event_time"] for earlier, later in pairwise(past.acts())]
    gaps = [gap // timedelta(seconds=1) for gap in between if gap >= timedelta(seconds=1)]
    same = [later == earlier for earlier, later in pairwise(gaps)]
    return sum(same) / len(same) if same else None


def _acts_by_device(past: Past) -> Counter[str]:
    return Counter(act["device_id"] for act in past.acts() if act["device_id"] is not None)


def _top_device_share(past: Past) -> float | None:
    acts = _acts_by_device(past)
    return max(acts.values()) / acts.total() if acts else None


_DID = {"events": Past.acts, "purchases": lambda past: past.did(Action.PURCHASE)}

DEFINITIONS: dict[str, Definition] = {
    "sessions": lambda past: len(_sessions(past)),
    "events_per_session": partial(of_some, fmean, _session_sizes, 1),
    "session_minutes_mean": partial(of_some, fmean, _session_minutes, 1),
    "session_minutes_longest": partial(of_some, max, _session_minutes, 1),
    "dwell_seconds_mean": partial(of_some, fmean, _dwells, 1),
    "active_gap_days_mean": partial(of_some, fmean, _active_gaps, 1),
    "active_gap_days_sd": partial(of_some, stdev, _active_gaps, 2),
    "active_gap_days_longest": partial(of_some, max, _active_gaps, 1),
    "hour_of_day_mean": partial(_circular_mean, _hour, 24),
    "hour_of_day_strength": partial(_strength, _hour, 24),
    "weekday_mean": partial(_circular_mean, _weekday, _MONDAY_TO_SUNDAY),
    "weekday_strength": partial(_strength, _weekday, _MONDAY_TO_SUNDAY),
    "night_share": _night_share,
    **{f"max_{what}_per_minute": partial(_most_per, 60, did) for what, did in _DID.items()},
    **{f"max_{what}_per_hour": partial(_most_per, 3_600, did) for what, did in _DID.items()},
    **{f"max_{what}_per_day": partial(_most_per_day, did) for what, did in _DID.items()},
    "identical_gap_share": _identical_gap_share,
    "devices_all": lambda past: len(_acts_by_device(past)) or None,
    "top_device_share": _top_device_share,
}
