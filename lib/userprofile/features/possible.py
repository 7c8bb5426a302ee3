"""Whether an entry from outside the package can be a feature at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dataframely as dy
import polars as pl
from polars.datatypes import IntegerType

from userprofile.errors import UsageError
from userprofile.features.entries import Catalogue, Feature, Helper, Key
from userprofile.features.seen import RANKING, type_given
from userprofile.features.trial import require_own_history
from userprofile.windows import Window

_TEXTS = ("name", "family", "unit", "null", "says")
_PARTS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys((*_TEXTS, "source", "by"), (str,)),
    "expr": (pl.Expr,),
    "dtype": (dy.Column,),
    "window": (Window, type(None)),
}
_TUPLES: dict[str, type] = {"helpers": Helper, "keys": Key, "pairs": Helper, "statistics": str}
_NUMBERS = (pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.Float32(), pl.Float64())
_STORED = (*_NUMBERS, pl.Boolean(), pl.String(), pl.Date(), pl.Datetime("us", "UTC"))


def require_feature(entry: Any) -> Feature:
    """The entry, if it is a Feature whose parts have their types; raises UsageError."""
    if not isinstance(entry, Feature):
        raise UsageError("is no feature", expected="Feature(...)", received=type(entry).__name__)
    wrong = [part for part, kinds in _PARTS.items() if not isinstance(getattr(entry, part), kinds)]
    wrong += [part for part in _TEXTS if getattr(entry, part) == ""]
    for part, kind in _TUPLES.items():
        values = getattr(entry, part)
        if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
            wrong.append(part)
    if entry.per not in ("user", "values", "ranking", "row") or (entry.per in ("values", "ranking")) != bool(entry.by):
        wrong.append("per")
    if wrong:
        raise UsageError(
            f"has a wrong {wrong[0]}",
            expected=f"{Feature.__annotations__[wrong[0]]}{', not empty' if wrong[0] in _TEXTS else ''}",
            received=repr(getattr(entry, wrong[0])),
            fix="see Feature in lib/userprofile/features/entries.py",
        )
    return entry


def require_possible(feature: Feature, *, before: Catalogue, attributes: Sequence[str] = ()) -> None:
    """Raise UsageError unless the feature can stand behind the entries of `before`.

    Its column may be null and can be stored; its expression reads what is there and gives the declared type; its value
    is one per user, and rests on that user's known events alone. Errors of Polars come through.
    """
    declared = feature.dtype.dtype
    if not feature.dtype.nullable:
        raise UsageError(
            "must be declared nullable=True",
            expected="a column that older rows of the tables can lack",
            received=f"{type(feature.dtype).__name__}(nullable=False)",
            fix=f"dtype=dy.{type(feature.dtype).__name__}(..., nullable=True)",
        )
    if not _can_be_stored(declared):
        raise UsageError(
            "has a type that tables cannot hold",
            expected=f"{', '.join(map(str, _STORED))}, a list of one of them, or {RANKING}",
            received=str(declared),
        )
    given = type_given(feature, before=before, attributes=attributes)
    if isinstance(given, pl.List) and not isinstance(declared, pl.List):
        raise UsageError(
            "is not per user: its expression leaves a list of values",
            expected=f"one {declared}, as of sum(), max() or last()",
            received=str(given),
        )
    if not _holds(declared, given):
        raise UsageError(
            "gives another type than it declares",
            expected=f"{declared}, as declared",
            received=str(given),
            fix=f"declare {given}, or cast the expression",
        )
    _require_one_meaning(Catalogue((*before.features, feature)), feature.by)
    require_own_history(feature, before=before, attributes=attributes)


def _require_one_meaning(whole: Catalogue, by: str) -> None:
    """Collecting what features share raises where one name stands for two things."""
    whole.helpers("call")
    whole.helpers("as_of")
    whole.sorted_keys()
    whole.pairs(by)


def _can_be_stored(dtype: pl.DataType) -> bool:
    return dtype in _STORED or dtype == RANKING or (isinstance(dtype, pl.List) and dtype.inner in _STORED)


def _holds(declared: pl.DataType, given: pl.DataType) -> bool:
    """Whether every value keeps its meaning: the same type, or a wider one of the same kind."""
    if isinstance(declared, pl.List) and isinstance(given, pl.List):
        return _holds(declared.inner, given.inner)  # type: ignore[arg-type]
    if isinstance(declared, IntegerType) and isinstance(given, IntegerType):
        edges = pl.select(given.min(), given.max().alias("max")).row(0)
        low, high = pl.select(declared.min(), declared.max().alias("max")).row(0)
        return all(low <= edge <= high for edge in edges)
    return declared == given or (declared, given) == (pl.Float64, pl.Float32)
