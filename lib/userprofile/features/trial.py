"""A run of one feature on a tiny log: does a user's value rest on that user's known events, and on nothing else?"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from typing import Any

import dataframely as dy
import polars as pl

from userprofile.columns import ACTIONS
from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.entries import Catalogue, Feature
from userprofile.features.population import QUANTILES, RFM_STATISTICS
from userprofile.features.seen import event_columns
from userprofile.schemas.entities import SilverCodes
from userprofile.schemas.gold import PopulationStatistics
from userprofile.windows import AsOf

AS_OF = AsOf.at(dt.date(2024, 3, 20), "UTC")

# Unlike numbers, so that what is counted differs from user to user; some with a single event, which is first and last.
_EVENTS = {"ann": 23, "ben": 1, "cem": 13, "dan": 2, "eve": 1, "fay": 5, "gus": 1, "hal": 8}
_USERS = list(_EVENTS)
# In the first whoever stays loses both neighbours; what both its halves happen to share, the second may tell apart.
_HALVINGS = ((_USERS[::2], _USERS[1::2]), (_USERS[:4], _USERS[4:]))
_LATER_EVENTS = 4
_MINUTES = (5, 900, 9_000, 60_000, 300_000)
_NULLS = 0.2
_CODES = range(1, 6)
_MONEY = ("price", "amount", "discount")


def require_own_history(feature: Feature, *, before: Catalogue, attributes: Sequence[str] = ()) -> None:
    """Raise UsageError where the value changes with other users' events, or with events at or after as_of.

    `before` are the entries that stand before it. Errors of Polars come through.
    """
    entries = _trial_catalogue(feature, before)
    columns = event_columns(attributes)
    log, names = _log(columns), _names(columns)

    def values(events: pl.DataFrame) -> pl.DataFrame:
        rows = features_per_user(events, as_ofs=[AS_OF], catalogue=entries, statistics=_statistics(), names=names)
        return rows.select("user_id", feature.name)

    known = log.filter(AS_OF.knows())
    together = values(known)
    for halves in _HALVINGS:
        apart = pl.concat([values(known.filter(pl.col("user_id").is_in(half))) for half in halves]).sort("user_id")
        if apart.equals(together):
            continue
        pairs = zip(*(rows[feature.name].to_list() for rows in (together, apart)), strict=True)
        there, gone = next((there, gone) for there, gone in pairs if there != gone)
        raise UsageError(
            "is not per user: its value changes with the events of others",
            expected="the same value, whoever else is there",
            received=f"{there}, and {gone} without half of the other users",
            fix="compare `user` in helpers: shift, cum_sum and the like run over all users",
        )
    if not values(log).equals(together):
        raise UsageError(
            "looks ahead: its value changes with events at or after as_of",
            expected="only what was known before as_of",
            fix="look backwards in helpers of the call, as with shift(1)",
        )


def _trial_catalogue(feature: Feature, before: Catalogue) -> Catalogue:
    """The feature with what it reads of the row, and an entry a window, which brings the window's column."""
    windows = (
        Feature(f"trial_{window.name}", "", pl.len(), dy.Int64(nullable=True), "", "", "", window=window)
        for window in before.windows()
    )
    return Catalogue((*windows, *_read_by(feature, before), feature))


def _read_by(feature: Feature, before: Catalogue) -> list[Feature]:
    """What a feature of the row reads, and what that reads, in the catalogue's order."""
    if feature.per != "row":
        return []
    read = set(feature.expr.meta.root_names())
    for entry in reversed(before.features):
        if entry.name in read and entry.per == "row":
            read |= set(entry.expr.meta.root_names())
    return [entry for entry in before.features if entry.name in read]


def _log(columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    rng = random.Random(7)
    rows = [
        _event(rng, columns, user, later=number < _LATER_EVENTS)
        for user, events in _EVENTS.items()
        for number in range(events + _LATER_EVENTS)
    ]
    return pl.DataFrame(rows, schema=columns).with_columns(event_order=pl.int_range(pl.len(), dtype=pl.Int64))


def _event(rng: random.Random, columns: Mapping[str, pl.DataType], user: str, *, later: bool) -> dict[str, Any]:
    away = dt.timedelta(minutes=rng.random() * rng.choice(_MINUTES))
    time = AS_OF.instant + away if later else AS_OF.instant - dt.timedelta(minutes=1) - away
    event = {name: _value(rng, name, dtype) for name, dtype in columns.items()}
    return event | {"user_id": user, "event_time": time, "known_at": time, "action": rng.randrange(len(ACTIONS))}


def _value(rng: random.Random, name: str, dtype: pl.DataType) -> Any:
    if rng.random() < _NULLS:
        return None
    if name in _MONEY:
        return rng.randint(1, 10_000)  # sums that users hardly share
    if dtype.is_integer():
        return rng.choice(_CODES)
    return rng.choice(["tea", "red shoe"]) if dtype == pl.String else rng.choice([0.25, 0.5, 1.0])


def _names(columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Words for codes, as a run has them: items have none."""
    kinds = [name for name, dtype in columns.items() if dtype in (pl.Int8, pl.Int32) and name not in ("action", "item")]
    rows = [{"kind": kind, "value": f"{kind} {code}", "code": code} for kind in kinds for code in _CODES]
    return SilverCodes.validate(pl.DataFrame(rows), cast=True)


def _statistics() -> pl.DataFrame:
    rows = [
        {"as_of_date": AS_OF.date, "statistic": name, "key": str(quantile), "value": 10 * quantile}
        for name in RFM_STATISTICS
        for quantile in QUANTILES
    ]
    return PopulationStatistics.validate(pl.DataFrame(rows), cast=True)
