"""Parts of a score by what people know: of each row some topics, with a number to show beside each.

What serves the score decides how: a network by its gradients, trees by their Shapley values, a rule over numbers by
what changes when the numbers of a topic are the usual ones, and any other rule by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.rung import Rung
from userprofile.columns import ACTIONS
from userprofile.explain.network import Attribution
from userprofile.explain.topics import (
    CATEGORY_BOUGHT,
    CATEGORY_MET,
    FEATURE,
    HABIT,
    OTHER_EVENTS,
    Topic,
    rule_code,
    topics_of,
    window_days,
)
from userprofile.feed.read import Batch
from userprofile.heads.head import Head, HeadOfClasses
from userprofile.numbers import dense_values
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec

# Of a history's categories: those that can be among the strongest three.
CATEGORIES = 3

PURCHASE = 1 + ACTIONS.index("purchase")


@dataclass(frozen=True)
class Evidence:
    """C candidates of each of R rows. `code` says what each is, and `name` which category, item or feature it is about.

    A `value` or `usual` that is not known is NaN.
    """

    part: np.ndarray  # [R, C]
    code: np.ndarray  # [R, C] str
    unit: np.ndarray  # [R, C] str
    value: np.ndarray  # [R, C]
    usual: np.ndarray  # [R, C]
    window_days: np.ndarray  # [R, C] of value; 0 where it has no window
    name: np.ndarray  # [R, C] str or None

    @classmethod
    def joined(cls, kinds: Sequence[Evidence]) -> Evidence:
        """Side by side."""
        return cls(*(np.concatenate([vars(kind)[name] for kind in kinds], axis=1) for name in vars(kinds[0])))


@dataclass(frozen=True)
class Names:
    """Of categories by code, and [R] of the class that a score speaks of."""

    categories: Mapping[int, str]
    classes: np.ndarray


def of_network(
    attribution: Attribution,
    table: pa.Table,
    batch: Batch,
    spec: FeatureSpec,
    names: Names,
    *,
    categories: int = CATEGORIES,
) -> Evidence:
    """Numbers, so many categories of the history, and the habit."""
    numbers = of_features(attribution.dense, spec.dense_names, table, spec)
    kinds = [numbers, *_of_events(attribution, batch, spec, names.categories, most=categories)]
    if attribution.met.any():
        kinds.append(_one(attribution.habit, HABIT, "count", attribution.met, name=names.classes))
    return Evidence.joined(kinds)


def of_rung(head: Head, rung: Rung, model: str, table: pa.Table, spec: FeatureSpec, names: Names) -> Evidence:
    """Of the model of a ladder that is called `model`."""
    rows = table.num_rows
    if isinstance(rung, BoostedTrees):
        parts = rung.contributions(table, explained_place(head, rung, table))[:, :-1]
        return of_features(parts, rung.features, table, spec)
    parts = np.zeros((rows, 0)) if isinstance(head, HeadOfClasses) else _without_each(head, rung, table, spec)
    if parts.any():
        return of_features(parts, spec.dense_names, table, spec)
    return _one(np.ones(rows), rule_code(model), "count", np.full(rows, np.nan), name=names.classes)


def explained_place(head: Head, rung: Rung, table: pa.Table) -> np.ndarray | None:
    """[R] the class that a rung thinks likeliest; None of a head of numbers."""
    return rung.predict(table).argmax(axis=1) if isinstance(head, HeadOfClasses) else None


def of_features(parts: np.ndarray, features: Sequence[str], table: pa.Table, spec: FeatureSpec) -> Evidence:
    """[R, features] by topic."""
    topics, sums = topics_of(features)
    typical = {feature.name: feature.typical for feature in spec.dense}
    columns = [
        _of_topic(topic, parts[:, sums[:, place] > 0], np.array(features)[sums[:, place] > 0], table, typical)
        for place, topic in enumerate(topics)
    ]
    return Evidence.joined(columns)


def _of_topic(
    topic: Topic, parts: np.ndarray, features: np.ndarray, table: pa.Table, typical: Mapping[str, float]
) -> Evidence:
    """Of the windows with a value, each user's is the one that moved the score most in the topic's direction."""
    part = parts.sum(axis=1)
    windows = {name: days for name in features if (days := window_days(name, topic.value)) is not None}
    shown = list(windows) or [topic.value]
    places = [int(np.flatnonzero(features == name)[0]) for name in windows]
    values = np.stack([_column(table, name) for name in shown], axis=1)
    moved = np.where(np.isnan(values), -np.inf, (parts[:, places] * np.sign(part)[:, None]) if places else 0)
    most = np.argmax(moved, axis=1)
    usual = np.array([typical.get(name, np.nan) for name in shown])[most]
    return _one(
        part,
        topic.code,
        topic.unit,
        values[np.arange(len(part)), most],
        usual=_column(table, topic.usual) if topic.usual else usual,
        window_days=np.array([windows.get(name, 0) for name in shown])[most],
        name=topic.value if topic.code == FEATURE else None,
    )


def _column(table: pa.Table, name: str) -> np.ndarray:
    """NaN where the log does not teach the feature."""
    return dense_values(table[name]) if name in table.column_names else np.full(table.num_rows, np.nan)


def _of_events(
    attribution: Attribution, batch: Batch, spec: FeatureSpec, words: Mapping[int, str], *, most: int
) -> tuple[Evidence, Evidence]:
    """The `most` categories that say most, with their events and the days since the last one; and all other events."""
    category, action = batch["sequence_category"], batch["sequence_action"]
    rows, size = np.arange(len(category)), FIRST_KNOWN_INDEX + len(spec.category_vocabulary)
    cells = (rows[:, None] * size + category).ravel()

    def summed(weights: np.ndarray) -> np.ndarray:
        """[R, size], 0 for padding and for what is in no known category."""
        found = np.bincount(cells, weights.ravel(), minlength=len(rows) * size).reshape(-1, size)
        found[:, :FIRST_KNOWN_INDEX] = 0
        return found

    parts = summed(attribution.events.sum(axis=2))
    best = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :most]
    events, bought = (np.take_along_axis(summed(weights), best, axis=1) for weights in (action > 0, action == PURCHASE))
    age = np.where(category[:, None, :] == best[:, :, None], batch["sequence_age_days"][:, None, :], np.inf).min(axis=2)
    names = np.array([None] * FIRST_KNOWN_INDEX + [words.get(code, "") for code in spec.category_vocabulary])
    part = np.take_along_axis(parts, best, axis=1)
    others = (action > 0).sum(axis=1) - events.sum(axis=1)
    of_others = np.where(others > 0, attribution.events.sum(axis=(1, 2)) - part.sum(axis=1), 0)
    of_categories = Evidence(
        part,
        np.where(bought > 0, CATEGORY_BOUGHT, CATEGORY_MET),
        np.full(best.shape, "count"),
        np.where(bought > 0, bought, events),
        np.where(np.isfinite(age), age, np.nan).round(),
        np.zeros_like(best),
        names[best],
    )
    return of_categories, _one(of_others, OTHER_EVENTS, "count", others)


def _without_each(head: Head, rung: Rung, table: pa.Table, spec: FeatureSpec) -> np.ndarray:
    """[R, D] by how much the score changes when all numbers of a topic are what is usual among users, shared alike."""
    whole = head.explained_of_raw(head.raw_of_rung(rung.predict(table)))
    _, sums = topics_of(spec.dense_names)
    parts = np.zeros((table.num_rows, len(spec.dense)))
    for of_topic in sums.T > 0:
        changed = table
        for feature in (spec.dense[number] for number in np.flatnonzero(of_topic)):
            column = pa.array(np.full(table.num_rows, feature.typical))
            changed = changed.set_column(changed.column_names.index(feature.name), feature.name, column)
        without = head.explained_of_raw(head.raw_of_rung(rung.predict(changed)))
        parts[:, of_topic] = ((whole - without) / of_topic.sum())[:, None]
    return parts


def _one(
    part: np.ndarray,
    code: str,
    unit: str,
    value: np.ndarray,
    *,
    usual: np.ndarray | float = np.nan,
    window_days: np.ndarray | int = 0,
    name: np.ndarray | str | None = None,
) -> Evidence:
    """A single candidate a row."""
    columns = (part, code, unit, value, usual, window_days, name)
    return Evidence(*(np.broadcast_to(np.asarray(column), len(part))[:, None] for column in columns))
