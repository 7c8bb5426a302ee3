"""Stored features against the plain-Python reference, for a sample of users and as-of dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from userprofile.audit.past import Definition, Given, Past, Value, past
from userprofile.audit.reference import definition
from userprofile.audit.values import same
from userprofile.features.entries import Feature
from userprofile.windows import AsOf, Window


@dataclass(frozen=True)
class Difference:
    """A feature whose stored value is not what the raw rows give, in how many (user, as-of) pairs, and one of them."""

    feature: str
    pairs: int
    user_id: str
    as_of_date: date
    stored: Value
    recomputed: Value


def covered(features: Sequence[Feature]) -> list[str]:
    """Names of the features that the reference knows."""
    return [feature.name for feature in features if definition(feature.name, feature.window)]


def differences(
    rows: pl.DataFrame,
    events: pl.DataFrame,
    *,
    features: Sequence[Feature],
    as_ofs: Sequence[AsOf],
    given: Given,
) -> list[Difference]:
    """One entry per covered feature that differs in some row; by feature, in the order of `features`.

    `rows` are gold.training_examples, or some of them; `events` all accepted events of their users, in the columns of
    past.EVENT_FIELDS, before and after the as-of dates alike: the cut is made here, by plain Python.
    """
    known = {feature.name: (definition(feature.name, feature.window), feature.window) for feature in features}
    chosen = {name: (found, window) for name, (found, window) in known.items() if found}
    instants = {as_of.date: as_of for as_of in as_ofs}
    found: dict[str, list[Difference]] = {name: [] for name in chosen}
    histories = events.partition_by("user_id", as_dict=True)
    for row in rows.select("user_id", "as_of_date", *chosen).iter_rows(named=True):
        history = histories.get((row["user_id"],), events.clear()).to_dicts()
        for name, value in _values(chosen, partial(past, history, as_of=instants[row["as_of_date"]], given=given)):
            if not same(row[name], value):
                found[name].append(Difference(name, 0, row["user_id"], row["as_of_date"], row[name], value))
    return [_counted(cases) for cases in found.values() if cases]


def _values(
    chosen: dict[str, tuple[Definition, Window | None]], past_of: Callable[..., Past]
) -> Iterator[tuple[str, Value]]:
    pasts = {window: past_of(window=window) for window in {window for _, window in chosen.values()}}
    return ((name, compute(pasts[window])) for name, (compute, window) in chosen.items())


def _counted(cases: list[Difference]) -> Difference:
    first = cases[0]
    return Difference(first.feature, len(cases), first.user_id, first.as_of_date, first.stored, first.recomputed)
