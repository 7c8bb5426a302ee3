"""How the values of a column lie: their range and a small histogram, or their most frequent words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from userprofile.numbers import HEAVY_TAIL_SKEWNESS, signed_log, skewness

BARS = 16
WORDS = 3

# What differs by less than this share of itself is one value with rounding errors.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Values:
    """Of `rows` values `null_share` are null. The others: numbers and times have a range and bars, the rest words.

    `bars` count the values of equally wide bins from lowest to highest, of the values' signed logarithm where
    `logarithmic`. `words` are the most frequent, each with the share of rows that hold it, `different` how many there
    are.
    """

    null_share: float
    lowest: Any = None
    median: Any = None
    highest: Any = None
    bars: tuple[int, ...] = ()
    logarithmic: bool = False
    words: tuple[tuple[str, float], ...] = ()
    different: int = 0


def values_of(column: pl.Series) -> Values:
    """Of lists the entries are the words, of scored names the names. NaN and infinity are no numbers and left out."""
    null_share = column.null_count() / len(column) if len(column) else 0.0
    known = column.drop_nulls()
    if column.dtype.is_float():
        known = known.filter(known.is_finite())
    if known.is_empty():
        return Values(null_share)
    if column.dtype.is_numeric() or column.dtype.is_temporal():
        bars, logarithmic = _bars(known)
        return Values(null_share, known.min(), known.median(), known.max(), bars, logarithmic)
    return _words(known, null_share, rows=len(column))


def _bars(known: pl.Series) -> tuple[tuple[int, ...], bool]:
    """A bar an integer where they are few; integers are exact only in their own type."""
    whole = known.to_physical()
    if whole.dtype.is_integer() and whole.max() - whole.min() < BARS:  # type: ignore[operator]
        return tuple(np.bincount((whole - whole.min()).to_numpy()).tolist()), False
    values = whole.cast(pl.Float64).to_numpy()
    if np.ptp(values) <= _ROUNDING * np.abs(values).max():
        return (len(values),), False
    logarithmic = known.dtype.is_numeric() and skewness(values) > HEAVY_TAIL_SKEWNESS
    counts, _ = np.histogram(signed_log(values) if logarithmic else values, bins=BARS)
    return tuple(counts.tolist()), logarithmic


def _words(known: pl.Series, null_share: float, *, rows: int) -> Values:
    words = known.explode(empty_as_null=False) if isinstance(known.dtype, pl.List) else known
    words = words.struct.field("name") if isinstance(words.dtype, pl.Struct) else words
    counts = words.drop_nulls().cast(pl.String).alias("word").value_counts()
    strongest = counts.sort("count", "word", descending=[True, False]).head(WORDS)
    shares = tuple((word, count / rows) for word, count in strongest.iter_rows())
    return Values(null_share, words=shares, different=counts.height)
