"""What will the user do next?"""

from __future__ import annotations

import polars as pl

from userprofile.labels.entries import Label


def next_action() -> Label:
    """ACTION_CODE of the first event of any kind in the label window; null where none."""
    first = pl.col("action").first()
    return Label("label_next_action", first, of_nothing=None, says="action of the first event ahead", of="events")
