"""Price bands: unit prices on the scale 1, 2, 5, 10, 20, 50 ..., the same for every item and at every time."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

_EDGES = [step * 10**decade for decade in range(20) for step in (1, 2, 5)]
_REACHED = pl.Series([edge for edge in _EDGES if edge < 2**63], dtype=pl.Int64)


def price_band(price: pl.Expr) -> pl.Expr:
    """1 for a price of 0, 2 for one minor unit, 3 for 2 to 4, 4 for 5 to 9, 5 for 10 to 19 ...; null stays null."""
    band = 1 + pl.lit(_REACHED).search_sorted(price, side="right")
    return pl.when(price.is_not_null()).then(band).cast(pl.Int8)


def price_band_names(minor_units: int) -> pl.DataFrame:
    """The words of all bands in the columns of SilverCodes, in major units: "0", "5 to 10"."""
    edges = [edge / 10**minor_units for edge in _EDGES]
    words = ["0", *(f"{low:.12g} to {high:.12g}" for low, high in pairwise(edges))]
    codes = pl.Series("code", range(1, len(words) + 1), dtype=pl.Int32)
    return pl.DataFrame({"kind": ["price_band"] * len(words), "value": words}).with_columns(codes)
