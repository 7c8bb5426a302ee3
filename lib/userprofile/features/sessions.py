"""Visits: acts of a user that follow one another closely.

A session begins at an act that comes more than `session_gap` after the user's previous act, or has none before it.
Exposures are no acts: what is sent to a person neither begins nor prolongs a session. A session belongs to the window
in which it begins, with all its acts; one still under way at as_of counts as far as it is known by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dataframely as dy
import polars as pl

from userprofile.errors import UsageError
from userprofile.features.entries import NEVER_NULL, Feature, Helper
from userprofile.features.vocabulary import ACTED, ACTS, at_previous_act, within
from userprofile.windows import ALL_HISTORY, Window

TIMEOUT = (
    "L. D. Catledge and J. E. Pitkow, Characterizing Browsing Strategies in the World-Wide Web (1995): sessions end "
    "after a time without an act"
)
NO_SESSION = "no session"
MICROSECONDS_A_SECOND = 1_000_000
MICROSECONDS_A_MINUTE = 60 * MICROSECONDS_A_SECOND

TIME = pl.col("event_time")
SINCE_PREVIOUS = TIME - at_previous_act(TIME)

# Acts of all users so far: differences of it count acts between two events.
ACT_NUMBER = Helper("act_number", ACTED.cum_sum(), at="call")

# A view's dwell ends after the event: what would reach past as_of was not known then.
KNOWN_DWELL = Helper(
    "known_dwell_seconds",
    pl.when(ACTED & ((pl.col("as_of") - TIME).to_physical() > pl.col("dwell_seconds") * MICROSECONDS_A_SECOND)).then(
        pl.col("dwell_seconds")
    ),
)


def sessions(windows: Sequence[Window], *, session_gap: timedelta) -> Iterator[Feature]:
    """`sessions_<window>`, `events_per_session_<window>`, `session_minutes_mean`, `session_minutes_longest`, and
    `dwell_seconds_mean`. Raises UsageError where the gap is not positive."""
    if session_gap <= timedelta(0):
        raise UsageError("sessions need a gap between them", expected="session_gap > 0", received=str(session_gap))
    follows = SINCE_PREVIOUS.le(session_gap)
    begins = Helper("begins_session", ACTED & ~follows.fill_null(value=False), at="call")
    for window in windows:
        yield _sessions(window, begins, session_gap)
    for window in windows:
        yield _events_per_session(window, begins)
    step = Helper("session_step", pl.when(ACTED & follows).then(SINCE_PREVIOUS.to_physical()), at="call")
    yield _minutes_mean(begins, step)
    started = pl.when(begins.expr).then(TIME).forward_fill()
    yield _minutes_longest(Helper("session_elapsed", pl.when(ACTED).then((TIME - started).to_physical()), at="call"))
    yield _dwell()


def _sessions(window: Window, begins: Helper, session_gap: timedelta) -> Feature:
    return Feature(
        f"sessions_{window.name}",
        family="activity",
        expr=(pl.col(begins.name) & within(window)).sum(),
        dtype=dy.Int64(nullable=False),
        unit="sessions",
        null=NEVER_NULL,
        says=f"sessions begun {window.says}; one begins at an act more than {session_gap / timedelta(minutes=1):g} "
        f"minutes after the user's previous act, or without one; {ACTS}",
        source=TIMEOUT,
        window=window,
        helpers=(begins,),
    )


def _events_per_session(window: Window, begins: Helper) -> Feature:
    begun, number = pl.col(begins.name) & within(window), pl.col(ACT_NUMBER.name)
    # The first session of the window and all that follow are its sessions, up to the last act.
    acts = number.last() - pl.when(begun).then(number).min() + 1
    return Feature(
        f"events_per_session_{window.name}",
        family="activity",
        expr=acts / begun.sum(),
        dtype=dy.Float64(nullable=True, min=1),
        unit="events per session",
        null=f"{NO_SESSION} begun {window.says}",
        says=f"acts of the sessions begun {window.says} / these sessions; {ACTS}",
        window=window,
        helpers=(begins, ACT_NUMBER),
    )


def _minutes_mean(begins: Helper, step: Helper) -> Feature:
    count = pl.col(begins.name).sum()
    return Feature(
        "session_minutes_mean",
        family="activity",
        expr=pl.when(count > 0).then(pl.col(step.name).sum() / count * (1 / MICROSECONDS_A_MINUTE)),
        dtype=dy.Float64(nullable=True, min=0),
        unit="minutes",
        null=NO_SESSION,
        says="mean over sessions of the time from their first act to their last before as_of; a single act lasts 0",
        window=ALL_HISTORY,
        helpers=(begins, step),
    )


def _minutes_longest(elapsed: Helper) -> Feature:
    return Feature(
        "session_minutes_longest",
        family="activity",
        expr=pl.col(elapsed.name).max() * (1 / MICROSECONDS_A_MINUTE),
        dtype=dy.Float64(nullable=True, min=0),
        unit="minutes",
        null=NO_SESSION,
        says="time from the first act to the last before as_of of the session where it is longest",
        window=ALL_HISTORY,
        helpers=(elapsed,),
    )


def _dwell() -> Feature:
    return Feature(
        "dwell_seconds_mean",
        family="activity",
        expr=pl.col(KNOWN_DWELL.name).mean(),
        dtype=dy.Float64(nullable=True, min=0),
        unit="seconds",
        null="no act has a dwell that ended before as_of, as in logs without one",
        says=f"mean dwell of the acts whose dwell ended before as_of; {ACTS}",
        window=ALL_HISTORY,
        helpers=(KNOWN_DWELL,),
    )
