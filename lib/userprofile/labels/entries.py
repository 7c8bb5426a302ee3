"""What a label is: a column, over what one user bought in the label window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl


@dataclass(frozen=True)
class Label:
    """`expr` sees one user's purchases (or all events) in the label window, in order of time; at least one.

    Beside the columns of UserEvents there is `days_ahead`: days from the as-of instant to the event.
    """

    name: str
    expr: pl.Expr
    of_nothing: int | bool | list[int] | None  # the label of a user without such an event
    says: str
    of: Literal["purchases", "events"] = "purchases"
