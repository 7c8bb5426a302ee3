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
from userprofile.windows import ALL_HISTORY, Window

NEVER_NULL = "never null: none is 0"

# What changes a value from one as-of date to the next; each includes those before it.
Maintained = Literal["event", "window", "time", "row"]
MAINTAINED: dict[Maintained, str] = {
    "event": "kept, until an event of the user enters or arrives late",
    "window": "kept, until an event of the user enters, arrives late or leaves a window",
    "time": "made anew for each date, out of the events carried of the user",
    "row": "made anew for each date, out of the row and the population's statistics",
}
_OF_TIME = ("as_of", "age_days")


@dataclass(frozen=True)
class Helper:
    """A column per event that several features share.

    `at="call"`: computed once a call, over all events sorted by user and time, those at or after the as-of instant
    too; it may use `user` (a number), never let a later event decide a feature. `at="as_of"`: computed once an as-of,
    over the events before it; it may use helpers of the call, `age_days`, `days_before_last`, and the windows.
    """

    name: str
    expr: pl.Expr
    at: Literal["call", "as_of"] = "as_of"


@dataclass(frozen=True)
class Key:
    """A value per event whose different values are counted (vocabulary.distinct) or looked at (`by`). Null is none."""

    name: str
    expr: pl.Expr  # of one event


@dataclass(frozen=True)
class Feature:
    """One column of gold.user_features.

    `per` says what `expr` sees, and the column's value:

    - "user": the events of one user before the as-of instant, in order; one value.
    - "values": one row per different value of `by` among the user's events, ascending, with the columns `pairs`, each
      computed of the events of that value, in order, and the `statistics` of the population about the value, each under
      its own name, null where the population has none; one value, null where no event has one. `by` is a column, or
      one of `keys`, whose different values are then not counted besides.
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
    statistics: tuple[str, ...] = ()  # those whose keys are the values of `by`: for instance category_1_price_median
    top: int = 0
    shares: bool = True

    def reads(self) -> set[str]:
        """Every column that its expressions read, its own helpers too."""
        parts = [self.expr, *(part.expr for part in (*self.helpers, *self.pairs)), *(key.expr for key in self.keys)]
        return {root for part in parts for root in part.meta.root_names()}

    def maintained(self) -> Maintained:
        """What changes its value, as its expressions tell."""
        if self.per == "row":
            return "row"
        if self.statistics or self.reads().intersection(_OF_TIME):
            return "time"
        finite = {name for name in self.reads() if name.startswith("within_")} - {f"within_{ALL_HISTORY.name}"}
        return "window" if finite else "event"

    def value_key(self) -> Key:
        """What it is `by`."""
        return next((key for key in self.keys if key.name == self.by), Key(self.by, pl.col(self.by)))


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
        """Those that look at the values of `by` one by one."""
        return [feature for feature in self.features if feature.by]

    def windows(self) -> list[Window]:
        """Each window once, in order of appearance."""
        return list(dict.fromkeys(feature.window for feature in self.features if feature.window is not None))

    def reads(self) -> set[str]:
        """Every column of UserEvents that an entry reads; and names that are none of them."""
        return {one.by for one in self.of_values()}.union(*(feature.reads() for feature in self.features))

    def maintained(self, *by: Maintained) -> Catalogue:
        """The entries that are maintained in one of these ways."""
        return Catalogue(tuple(feature for feature in self.features if feature.maintained() in by))

    def helpers(self, at: Literal["call", "as_of"]) -> list[Helper]:
        """Each once. Raises UsageError when one name stands for two things."""
        return _each_once(helper for feature in self.features for helper in feature.helpers if helper.at == at)

    def distinct_keys(self) -> list[Key]:
        """What is counted by `distinct`, each once. Raises UsageError when one name stands for two things."""
        return _each_once(key for feature in self.features for key in feature.keys if key.name != feature.by)

    def pairs(self, by: str) -> list[Helper]:
        """What is computed per user and value of `by`, each once. Raises UsageError when one name stands for two."""
        return _each_once(pair for feature in self.of_values() if feature.by == by for pair in feature.pairs)

    def statistics(self, by: str) -> list[str]:
        """What the population must tell about values of `by`, each once."""
        named = (name for feature in self.of_values() if feature.by == by for name in feature.statistics)
        return list(dict.fromkeys(named))

    def value_keys(self) -> list[Key]:
        """What features are `by`, each once. Raises UsageError when one name stands for two things."""
        return _each_once(feature.value_key() for feature in self.of_values())

    def sorted_keys(self) -> list[Key]:
        """By what events must be put together: to count distinct values, or to look at them one by one."""
        return _each_once([*self.distinct_keys(), *self.value_keys()])


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
