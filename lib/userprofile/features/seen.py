"""What an entry's expression sees, and the type of what it gives: names and types alone, before there is any event."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.errors import UsageError
from userprofile.features.entries import Catalogue, Feature, Helper
from userprofile.features.population import QUANTILES, RFM_STATISTICS, SEPARATOR
from userprofile.schemas.events import UserEvents

RANKING = pl.List(pl.Struct({"name": pl.String, "score": pl.Float64}))

_PER_QUANTILE = {f"{name}{SEPARATOR}{quantile}" for name in RFM_STATISTICS for quantile in QUANTILES}
_PER_KEY = ("action_share", *(f"category_{level}_price_median" for level in CATEGORY_LEVELS))


def event_columns(attributes: Sequence[str]) -> dict[str, pl.DataType]:
    """UserEvents, but for what is a label, and the item attributes that are configured, by name."""
    columns = {name: column.dtype for name, column in UserEvents.columns().items() if name != "risk"}
    return columns | {f"attribute_{name}": pl.Int32() for name in attributes}


def type_given(feature: Feature, *, before: Catalogue, attributes: Sequence[str] = ()) -> pl.DataType:
    """The type that the feature's expression gives for a user: a list where it leaves several values.

    `before` are the entries that stand before it, which also bring their windows. Raises UsageError for a column that
    is not there or is hidden, and errors of Polars where the types do not fit.
    """
    if feature.per == "row":
        return _given(_rows(feature, before).select(feature.expr.alias("given")))
    events = _events(feature, before, attributes)
    if feature.per == "user":
        return _given(events.group_by("user").agg(_checked(feature.expr, _names(events))))
    values = _values(feature, events)
    if feature.per == "values":
        return _given(values.group_by("user").agg(_checked(feature.expr, _names(values))))
    score = _given(values.select(_checked(feature.expr, _names(values))))
    return RANKING if score.is_numeric() else pl.List(score)


def _given(frame: pl.LazyFrame) -> pl.DataType:
    return frame.collect_schema()["given"]


def _names(frame: pl.LazyFrame) -> list[str]:
    return frame.collect_schema().names()


def _rows(feature: Feature, before: Catalogue) -> pl.LazyFrame:
    """The row so far and the statistics that the feature reads."""
    statistics = [root for root in feature.expr.meta.root_names() if _is_statistic(root)]
    _checked(feature.expr, [*before.names, *statistics], expected="a feature before it, or a statistic of features")
    columns = {entry.name: entry.dtype.dtype for entry in before.features}
    return pl.LazyFrame(schema={**columns, **dict.fromkeys(statistics, pl.Float64)})


def _events(feature: Feature, before: Catalogue, attributes: Sequence[str]) -> pl.LazyFrame:
    """The events of a user as the engine hands them to expressions."""
    windows = [*before.windows(), *([feature.window] if feature.window else [])]
    events = pl.LazyFrame(schema={**event_columns(attributes), "user": pl.UInt32})
    plain = _names(events)
    for key in feature.keys:
        _checked(key.expr, plain)
    events = _with_helpers(events, [helper for helper in feature.helpers if helper.at == "call"])
    added: dict[str, pl.DataType] = {"as_of": pl.Datetime("us", "UTC")}
    added |= dict.fromkeys(("age_days", "days_before_last"), pl.Float64())
    added |= {f"within_{window.name}": pl.Boolean() for window in windows}
    events = events.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in added.items())
    events = _with_helpers(events, [helper for helper in feature.helpers if helper.at == "as_of"])
    counted = (pl.lit(None, pl.Boolean).alias(f"is_last_of_{key.name}") for key in feature.keys)
    return events.with_columns(counted)


def _values(feature: Feature, events: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of a user's values, with what is computed of each."""
    key, seen = feature.value_key(), _names(events)
    grouped = events.group_by("user", _checked(key.expr, seen).alias(key.name))
    values = grouped.agg(_checked(pair.expr, seen).alias(pair.name) for pair in feature.pairs)
    return values.with_columns(pl.lit(None, pl.Float64).alias(name) for name in feature.statistics)


def _with_helpers(events: pl.LazyFrame, helpers: Sequence[Helper]) -> pl.LazyFrame:
    seen = _names(events)
    hidden = [helper.name for helper in helpers if helper.name in seen]
    if hidden:
        raise UsageError(f"has a helper that hides the column {hidden[0]} of every feature", fix="rename the helper")
    return events.with_columns(_checked(helper.expr, seen).alias(helper.name) for helper in helpers)


def _checked(expr: pl.Expr, seen: Sequence[str], *, expected: str = "") -> pl.Expr:
    """The expression under the name "given", if it gives one column out of those that are there."""
    if expr.meta.has_multiple_outputs():
        raise UsageError("has an expression of several columns", expected="one column", received=str(expr))
    missing = [root for root in expr.meta.root_names() if root not in seen]
    if missing:
        raise UsageError(
            f"reads a column that is not there: {missing[0]}",
            expected=expected or ", ".join(sorted(seen)),
            received=", ".join(missing),
            fix=_instead(missing[0], seen),
        )
    return expr.alias("given")


def _is_statistic(root: str) -> bool:
    return root in _PER_QUANTILE or root.split(SEPARATOR)[0] in _PER_KEY


def _instead(missing: str, seen: Sequence[str]) -> str:
    if missing.startswith("within_"):
        return "give the feature that `window`, or name its days in build_features.windows_days"
    if missing.startswith("is_last_of_"):
        return "name the key of `distinct` among the feature's `keys`"
    close = difflib.get_close_matches(missing, seen, n=1)
    return f"did you mean {close[0]}?" if close else "read a column that is there, or a helper of the feature"
