"""Price bands: unit prices on the scale 1, 2, 5, 10, 20, 50 ..., the same for every item and at every time."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
from pyspark.sql import Column
from pyspark.sql import functions as F

_STEPS = (1, 2, 5)
_DECADES = 20  # all that a 64-bit integer reaches


def price_band(price: Column) -> Column:
    """1 for a price of 0, 2 for one minor unit, 3 for 2 to 4, 4 for 5 to 9, 5 for 10 to 19 ...; null stays null."""
    decade = F.floor(F.log10(price))  # exact at powers of ten, by Java's Math.log10
    leading = price / F.pow(F.lit(10), decade)
    step = F.when(leading >= 5, 2).when(leading >= 2, 1).otherwise(0)
    return F.when(price < 1, 1).otherwise(2 + 3 * decade + step).cast("tinyint")


def price_band_names(minor_units: int) -> pl.DataFrame:
    """The words of all bands in the columns of SilverCodes, in major units: "0", "5 to 10"."""
    edges = [step * 10**decade / 10**minor_units for decade in range(_DECADES) for step in _STEPS]
    words = ["0", *(f"{low:.12g} to {high:.12g}" for low, high in pairwise(edges))]
    codes = pl.Series("code", range(1, len(words) + 1), dtype=pl.Int32)
    return pl.DataFrame({"kind": ["price_band"] * len(words), "value": words}).with_columns(codes)
