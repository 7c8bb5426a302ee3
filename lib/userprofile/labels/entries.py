"""What a label is: a column, over what one user bought in the label window."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Label:
    """`expr` sees one user's purchases in the label window, in order of time and event_order; at least one."""

    name: str
    expr: pl.Expr
    of_nothing: int | list[int] | None  # the label of a user who bought nothing
    says: str
