"""Will the user buy?"""

from __future__ import annotations

import polars as pl

from userprofile.labels.entries import Label


def purchase() -> Label:
    """1 where the user has a purchase event in the label window, else 0; never null. Returns do not undo it."""
    return Label("label_purchase", pl.lit(1, dtype=pl.Int8), of_nothing=0, says="1: a purchase in the label window")
