"""What a model says of users, as it comes back from the workers; not a table."""

from __future__ import annotations

import pyarrow as pa

SCORES = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("as_of_date", pa.date32(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),
        pa.field("purchase_probability", pa.float64(), nullable=False),
        pa.field("expected_spend", pa.int64(), nullable=False),  # minor units
        pa.field(
            "next_categories",
            pa.list_(pa.struct([("code", pa.int32()), ("score", pa.float64())])),  # shares, largest first
            nullable=False,
        ),
    ]
)
