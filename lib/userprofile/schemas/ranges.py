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
            or_null = f"{name} is null or " if column.nullable else ""  # Spark refuses what is neither true nor false
            checks[f"{name}_range"] = or_null + " and ".join(said)
    return checks
