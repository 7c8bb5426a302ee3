"""Arrow schemas derived from table classes, in the types that Spark, Delta Lake and Polars all take."""

from __future__ import annotations

from typing import TypeAlias

import dataframely as dy
import pyarrow as pa

# Spark has signed integers only: the next wider one holds every value (of uint64, those a profile can reach).
_SIGNED = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.int64()}


Columns: TypeAlias = type[dy.Schema] | pa.Schema  # a table class, or columns that only a run can know


def arrow_schema(schema: Columns) -> pa.Schema:
    """The columns of a table: names, types and nullability in its order, without Polars' metadata.

    Spark knows neither views, 64-bit offsets, dictionaries nor unsigned integers: they become string, binary, list and
    signed integers, at any depth. Points in time become microseconds.
    """
    return pa.schema([_plain_field(field) for field in pa.schema(schema)])


def plain_type(dtype: pa.DataType) -> pa.DataType:
    """The type that holds the same values and that Spark takes. Lists keep whether their elements may be null."""
    if pa.types.is_dictionary(dtype):
        return plain_type(dtype.value_type)
    if pa.types.is_string_view(dtype) or pa.types.is_large_string(dtype):
        return pa.string()
    if pa.types.is_binary_view(dtype) or pa.types.is_large_binary(dtype):
        return pa.binary()
    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", tz=dtype.tz)
    if pa.types.is_struct(dtype):
        return pa.struct([_plain_field(dtype.field(place)) for place in range(dtype.num_fields)])
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype) or pa.types.is_fixed_size_list(dtype):
        return pa.list_(_plain_field(dtype.value_field).with_name("element"))
    return _SIGNED.get(dtype, dtype)


def _plain_field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, plain_type(field.type), nullable=field.nullable)
