"""How much will the user spend?"""

from __future__ import annotations

import polars as pl

from userprofile.labels.entries import Label


def spend() -> Label:
    """Sum of the amounts of purchases in the label window, in minor units, after discount.

    0 where nothing was bought; a purchase without a known amount adds nothing. Never null. Returns are not deducted.
    """
    return Label("label_spend", pl.col("amount").sum(), of_nothing=0, says="sum of amounts bought in the label window")
