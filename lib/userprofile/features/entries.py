"""What an entry of the feature catalogue is. One entry is one column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import dataframely as dy
import polars as pl

from userprofile.errors import UsageError
from userprofile.schemas.gold import PerUser
from userprofile.windows import Window

NEVER_NULL = "never null: none is 0"


@dataclass(frozen=True)
class Helper:
    """A column per event that several features share.

    `at="call"`: computed once a call, over all events sorted by user and time, those at or after the as-of instant
    too; it may use `user` (a number), never let a later event decide a feature. `at="as_of"`: computed once an as-of,
    over the events before it; it may use helpers of the call, `age_days`, and the windows.
    """

    name: str
    expr: pl.Expr
    at: Literal["call", "as_of"] = "as_of"


@dataclass(frozen=True)
class Key:
    """A value per event whose different values are counted: vocabulary.distinct. Null is no value."""

    name: str
    expr: pl.Expr  # of one event


@dataclass(frozen=True)
class Feature:
    """One column of gold.user_features.

    `per` says what `expr` sees, and the column's value:

    - "user": the events of one user before the as-of instant, in order; one value.
    - "values": one row per different value of the column `by` among the user's events, with the columns `pairs`, each
      computed of the events of that value, in order; one value, null where no event has one.
    - "ranking": the same rows, one by one; each value's score. The column lists the `top` values of positive score,
      strongest first; empty where none. With `shares` scores are divided by their sum, those beyond the cut too.
    - "row": the columns of the row so far and the population's statistics (population.statistic).
    """

    name: str
    family: str
    expr: pl.Expr
    dtype: dy.Column
    unit: str
    null: str  # what absence means
    says: str  # the formula in words
    source: str = ""  # of the definition, where it is not our own
    window: Window | None = None
    helpers: tuple[Helper, ...] = ()
    keys: tuple[Key, ...] = ()
    per: Literal["user", "values", "ranking", "row"] = "user"
    by: str = ""
    pairs: tuple[Helper, ...] = ()
    top: int = 0
    shares: bool = True


Column = TypeVar("Column", Helper, Key)


@dataclass(frozen=True)
class Catalogue:
    """Features in the order of their columns; a "row" feature stands behind those it reads."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        counts = Counter([*PerUser.columns(), *self.names])
        doubles = sorted(name for name, count in counts.items() if count > 1)
        if doubles:
            raise UsageError(
                "the feature catalogue has a name twice",
                expected="one entry a name",
                received=", ".join(doubles),
                fix="rename or drop one of the entries",
            )

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    def per(self, grain: Literal["user", "row"]) -> list[Feature]:
        return [feature for feature in self.features if feature.per == grain]

    def of_values(self) -> list[Feature]:
        """Those that look at the values of a column `by` one by one."""
        return [feature for feature in self.features if feature.by]

    def windows(self) -> list[Window]:
        """Each window once, in order of appearance."""
        return list(dict.fromkeys(feature.window for feature in self.features if feature.window is not None))

    def helpers(self, at: Literal["call", "as_of"]) -> list[Helper]:
        """Each once. Raises UsageError when one name stands for two things."""
        return _each_once(helper for feature in self.features for helper in feature.helpers if helper.at == at)

    def distinct_keys(self) -> list[Key]:
        """What is counted by `distinct`, each once. Raises UsageError when one name stands for two things."""
        return _each_once(key for feature in self.features for key in feature.keys)

    def pairs(self, by: str) -> list[Helper]:
        """What is computed per user and value of `by`, each once. Raises UsageError when one name stands for two."""
        return _each_once(pair for feature in self.of_values() if feature.by == by for pair in feature.pairs)

    def ranked_columns(self) -> list[str]:
        """What features are `by`, each once."""
        return list(dict.fromkeys(feature.by for feature in self.of_values()))

    def sorted_keys(self) -> list[Key]:
        """By what events must be put together: to count distinct values, or to rank them."""
        return _each_once([*self.distinct_keys(), *(Key(column, pl.col(column)) for column in self.ranked_columns())])


def _each_once(columns: Iterable[Column]) -> list[Column]:
    found: dict[str, Column] = {}
    for column in columns:
        known = found.setdefault(column.name, column)
        if known is not column and not known.expr.meta.eq(column.expr):
            raise UsageError(
                f"the feature catalogue gives the helper column {column.name} two meanings",
                expected=str(known.expr),
                received=str(column.expr),
                fix="rename one of them",
            )
    return list(found.values())
