"""Ranges of columns as conditions of SQL, which Delta checks whoever writes."""

from __future__ import annotations

import dataframely as dy


def range_checks(schema: type[dy.Schema]) -> dict[str, str]:
    """Of each column with a least or a greatest value a condition, by name. Delta takes an unknown one for broken."""
    checks = {}
    for name, column in schema.columns().items():
        limits = {">=": getattr(column, "min", None), "<=": getattr(column, "max", None)}
        said = [f"{name} {sign} {limit}" for sign, limit in limits.items() if limit is not None]
        if said:
            within = " and ".join(said)
            checks[f"{name}_range"] = f"{name} is null or ({within})" if column.nullable else within
    return checks
