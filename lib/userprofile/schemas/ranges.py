"""Ranges of columns as conditions of SQL, which Delta checks whoever writes."""

from __future__ import annotations

import dataframely as dy


def range_checks(schema: type[dy.Schema]) -> dict[str, str]:
    """Of each column with a least or a greatest value a condition, by name; null holds of a column that may be null."""
    checks = {}
    for name, column in schema.columns().items():
        limits = {">=": getattr(column, "min", None), "<=": getattr(column, "max", None)}
        said = [f"{name} {sign} {limit}" for sign, limit in limits.items() if limit is not None]
        if said:
            checks[f"{name}_range"] = " and ".join(said)
    return checks
