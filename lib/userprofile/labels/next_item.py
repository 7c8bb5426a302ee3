"""What will the user buy next: which item first, which items at all, and of which categories."""

from __future__ import annotations

import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.errors import UsageError
from userprofile.labels.entries import Label


def next_item() -> Label:
    """Code of the first item bought in the label window, by event_time and then event_order.

    Null where nothing was bought, or no purchase there says what.
    """
    first = pl.col("item").drop_nulls().first()
    return Label("label_next_item", first, of_nothing=None, says="first item bought in the label window")


def next_items() -> Label:
    """Distinct codes of items bought in the label window, ascending; empty where none, never null."""
    codes = pl.col("item").drop_nulls().unique().sort()
    return Label("label_next_items", codes, of_nothing=[], says="items bought in the label window")


def next_categories(level: int) -> Label:
    """Distinct codes of category `level` bought in the label window, ascending; empty where none, never null.

    Raises UsageError for a level that does not exist.
    """
    if level not in CATEGORY_LEVELS:
        raise UsageError("no such category level", expected=f"one of {CATEGORY_LEVELS}", received=str(level))
    codes = pl.col(f"category_{level}").drop_nulls().unique().sort()
    return Label(
        "label_next_categories", codes, of_nothing=[], says=f"category_{level} codes bought in the label window"
    )
