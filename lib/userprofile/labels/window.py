"""What will the user do in the whole label window? The dense all-action objective of PinnerFormer (Pancha et al. 2022).

A profile that is made once a day has to foresee days, not the next event: arXiv:2205.04507, section 3.3.
"""

from __future__ import annotations

import polars as pl

from userprofile.labels.entries import Label


def window_items() -> Label:
    """Distinct codes of items met by any event in the label window, first met first; empty where none, never null."""
    codes = pl.col("item").drop_nulls().unique(maintain_order=True)
    return Label("label_window_items", codes, of_nothing=[], says="items met in the label window", of="events")


def window_actions() -> Label:
    """Distinct ACTION_CODEs of events in the label window, ascending; empty where none, never null."""
    codes = pl.col("action").unique().sort()
    return Label("label_window_actions", codes, of_nothing=[], says="actions in the label window", of="events")
