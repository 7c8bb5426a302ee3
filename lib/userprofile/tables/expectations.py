"""Checks of a table's columns against its declared class."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from userprofile.errors import DataGateError


def require_same_schema(received: StructType, expected: StructType, *, what: str, nullability: bool = True) -> None:
    """Same names with same types in any order; raises DataGateError showing both sides.

    With `nullability`, a column that may not be null must be declared so too.
    """
    left, right = _columns(received, nullability), _columns(expected, nullability)
    if left == right:
        return
    raise DataGateError(
        what,
        expected=_show(right, left),
        received=_show(left, right),
        fix="write to a new warehouse, or run the version of the code that wrote this table",
    )


def require_readable(received: StructType, expected: StructType, *, what: str) -> set[str]:
    """The same but for columns that may be null: names of those that only `expected` has, whose rows have no value."""
    later, others = ({field.name for field in side} for side in (gained(received, expected), lost(received, expected)))
    require_same_schema(
        StructType([field for field in received.fields if field.name not in others]),
        StructType([field for field in expected.fields if field.name not in later]),
        what=what,
        nullability=False,
    )
    return later


def require_partition(received: Sequence[str], expected: str, table: str) -> None:
    """The table is partitioned by this column alone, or by none; raises DataGateError where it is not."""
    if list(received) != [expected] * bool(expected):
        raise DataGateError(
            f"table {table} was written with other partitions",
            expected=expected or "none",
            received=", ".join(received) or "none",
            fix="remove its folder and run the job that builds it again: it holds nothing that silver does not",
        )


def gained(received: StructType, expected: StructType) -> list[StructField]:
    """Columns that only `expected` has and that may be null: a table can take them on, its older rows have no value."""
    return [field for field in expected.fields if field.nullable and field.name not in received.names]


def lost(received: StructType, expected: StructType) -> list[StructField]:
    """Columns that only `received` has and that may be null: a table can keep them, and newer rows have no value."""
    return gained(expected, received)


def _columns(schema: StructType, nullability: bool) -> dict[str, str]:
    return {
        field.name: _type(field.dataType) + (" not null" if nullability and not field.nullable else "")
        for field in schema.fields
    }


def _type(data_type: DataType) -> str:
    """The type's name without the nullability of nested parts, which Arrow and Spark state differently."""
    if isinstance(data_type, ArrayType):
        return f"array<{_type(data_type.elementType)}>"
    if isinstance(data_type, StructType):
        return f"struct<{', '.join(f'{field.name}: {_type(field.dataType)}' for field in data_type.fields)}>"
    return data_type.simpleString()


def _show(side: dict[str, str], other: dict[str, str]) -> str:
    different, agreeing = (
        [f"{name} {kind}" for name, kind in side.items() if (other.get(name) == kind) is agrees]
        for agrees in (False, True)
    )
    return f"{', '.join(different) or 'nothing more'}; agreeing: {', '.join(agreeing) or 'nothing'}"
