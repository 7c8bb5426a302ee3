"""Will an event come that the log calls fraud, a chargeback or abuse?"""

from __future__ import annotations

import polars as pl

from userprofile.labels.entries import Label


def risk(*, told: bool) -> Label:
    """1 where an event of the label window is one of risk, else 0; null for everyone where the log does not tell."""
    came = pl.col("risk").any().cast(pl.Int8) if told else pl.lit(None, dtype=pl.Int8)
    says = "1: fraud, a chargeback or abuse in the label window"
    return Label("label_risk", came, of_nothing=0 if told else None, says=says, of="events")
