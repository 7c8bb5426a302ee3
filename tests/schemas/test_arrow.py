"""Table classes as Arrow schemas that Spark takes."""

from __future__ import annotations

import dataframely as dy
import polars as pl
import pyarrow as pa
import pytest

from userprofile.schemas import entities, events, gold
from userprofile.schemas.arrow import arrow_schema, plain_type


class Everything(dy.Schema):
    """One column of each kind that tables use."""

    word = dy.String(primary_key=True)
    maybe = dy.String(nullable=True)
    kind = dy.Enum(["a", "b"], nullable=False)
    at = dy.Datetime(time_unit="us", time_zone="UTC", nullable=False)
    count = dy.UInt32(nullable=False)
    pairs = dy.List(dy.Struct({"name": dy.String(nullable=False), "tags": dy.List(dy.String(nullable=True))}))


def test_every_kind_of_column_becomes_a_type_that_spark_takes() -> None:
    pair = pa.struct(
        [
            pa.field("name", pa.string(), nullable=False),
            pa.field("tags", pa.list_(pa.field("element", pa.string())), False),
        ]
    )
    assert arrow_schema(Everything) == pa.schema(
        [
            pa.field("word", pa.string(), nullable=False),
            pa.field("maybe", pa.string(), nullable=True),
            pa.field("kind", pa.string(), nullable=False),
            pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("pairs", pa.list_(pa.field("element", pair, nullable=False)), nullable=False),
        ]
    )


@pytest.mark.parametrize(
    ("received", "plain"),
    [
        (pa.string_view(), pa.string()),
        (pa.large_string(), pa.string()),
        (pa.binary_view(), pa.binary()),
        (pa.dictionary(pa.uint8(), pa.string_view()), pa.string()),
        (pa.timestamp("ns", tz="UTC"), pa.timestamp("us", tz="UTC")),
        (pa.list_(pa.float32(), 4), pa.list_(pa.field("element", pa.float32()))),
        (pa.uint8(), pa.int16()),
        (pa.float64(), pa.float64()),
        (pa.date32(), pa.date32()),
    ],
)
def test_plain_type(received: pa.DataType, plain: pa.DataType) -> None:
    assert plain_type(received) == plain


@pytest.mark.parametrize(
    "table", [events.SilverEvents, entities.SilverItems, entities.SilverCodes, gold.UserSequences, gold.Labels]
)
def test_a_frame_of_the_table_casts_to_its_arrow_schema(table: type[dy.Schema]) -> None:
    frame = table.sample(20)
    cast = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(arrow_schema(table))
    assert cast.num_rows == 20
    assert table.validate(pl.DataFrame(cast), cast=True).equals(frame)
