"""Raw rows to typed events, each with the first reason that refuses it, if any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import dataframely as dy
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from userprofile.columns import ACTIONS, Reason
from userprofile.events.mapped import MappedColumn, text_of, with_fields
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import SilverEvents

MONEY = ("price", "amount", "discount")
_POSSIBLE = {"rating": (0, 100), "sentiment": (-1, 1), "propensity": (0, 1), "dwell_seconds": (0, 86_400)}
_ZONE_LETTERS = set("VzOXxZ")
_ZONE_AFTER_TIME = r"[T ]\d{1,2}:\d{1,2}(:\d{1,2}([.]\d*)?)? *[^\s\d:.]"
# Quantity first: a negative one makes the amount, or the price, negative too.
_NEVER_NEGATIVE = {
    "quantity": Reason.NEGATIVE_QUANTITY,
    "price": Reason.NEGATIVE_PRICE,
    "amount": Reason.NEGATIVE_PRICE,
}


@dataclass(frozen=True)
class Reading:
    """What a log's text means: its time zone, its currency, and the limits of what is believed."""

    timezone: str
    currency: str | None
    minor_units: int
    earliest_date: date
    future_tolerance: timedelta
    late_after: timedelta
    allowed_lateness: timedelta


def parsed_events(rows: DataFrame, columns: Mapping[str, MappedColumn], *, reading: Reading) -> DataFrame:
    """Adds the canonical columns that the mapping can give, `is_late`, `filled` (names of filled columns) and `reason`.

    Reads raw, loaded_at, file_number and place. A row has a reason exactly when it must not be accepted.
    """
    fields = with_fields(rows, [column.sql for column in columns.values()])
    texts = fields.select("_row.*", *(text_of(column).alias(f"text_{name}") for name, column in columns.items()))
    fills = {f"text_{name}": column.fill for name, column in columns.items() if column.fill is not None}
    missing = [F.when(F.col(text).isNull(), F.lit(text.removeprefix("text_"))) for text in fills]
    texts = texts.withColumn("filled", F.array_compact(F.array(*missing)).cast("array<string>"))
    texts = texts.withColumns({text: F.coalesce(text, F.lit(fill)) for text, fill in fills.items()})
    typed = texts.select(
        *rows.columns, "is_malformed", "filled", *(F.col(f"text_{name}") for name in columns),
        *(_typed(name, column, reading).alias(name) for name, column in columns.items()),
    )  # fmt: skip
    typed = _with_absent_columns(typed, columns).transform(_with_both_prices)
    typed = typed.withColumn("currency", F.lit(reading.currency if set(MONEY) & set(columns) else None).cast("string"))
    return _with_reason(typed, columns, reading).drop(*(f"text_{name}" for name in columns), "is_malformed")


def _typed(name: str, column: MappedColumn, reading: Reading) -> Column:
    text = F.col(f"text_{name}")
    kind = getattr(SilverEvents, name)
    if isinstance(kind, dy.Datetime):
        return _time(text, column, reading.timezone)
    if name in MONEY:
        return F.round(text.try_cast("decimal(28,6)") * 10**reading.minor_units, 0).try_cast("bigint")
    if isinstance(kind, dy.Int32 | dy.Int64):
        # A count may be written as 3.0, by tools that know no integer with nulls.
        number = text.try_cast("decimal(28,6)")
        whole = F.when(number == F.floor(number), number)
        return whole.try_cast("int" if isinstance(kind, dy.Int32) else "bigint")
    if isinstance(kind, dy.Bool):
        return text.try_cast("boolean")
    if isinstance(kind, dy.Float64):
        return text.try_cast("double")
    return text


def _time(text: Column, column: MappedColumn, timezone: str) -> Column:
    if column.epoch:
        per_second = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}[column.epoch]
        return F.timestamp_micros((text.try_cast("decimal(28,6)") * (1_000_000 // per_second)).try_cast("bigint"))
    if not column.pattern:
        instant = F.try_to_timestamp(text)
        return F.when(text.rlike(_ZONE_AFTER_TIME), instant).otherwise(F.to_utc_timestamp(instant, timezone))
    instant = F.try_to_timestamp(text, F.lit(column.pattern))
    letters = "".join(part for part in column.pattern.split("'")[::2])
    return instant if _ZONE_LETTERS & set(letters) else F.to_utc_timestamp(instant, timezone)


def _with_absent_columns(frame: DataFrame, columns: Mapping[str, MappedColumn]) -> DataFrame:
    made_later = {"event_id", "file_number", "event_order", "currency"}
    absent = {
        field.name: F.lit(None).cast(field.dataType)
        for field in from_arrow_schema(arrow_schema(SilverEvents)).fields
        if field.name not in columns and field.name not in made_later and not field.name.startswith("is_")
    }
    return frame.withColumns(absent)


def _with_both_prices(frame: DataFrame) -> DataFrame:
    """A log gives the price of a unit or the amount of the row; the other follows (amount exact, price rounded)."""
    amount = F.coalesce("amount", F.try_multiply("price", F.coalesce("quantity", F.lit(1))))
    price = F.coalesce("price", F.round(F.col("amount") / F.nullif("quantity", F.lit(0))).cast("bigint"), "amount")
    return frame.withColumn("amount", amount).withColumn(
        "price", F.when(F.col("quantity").eqNullSafe(0), F.col("price")).otherwise(price)
    )


def _with_reason(frame: DataFrame, columns: Mapping[str, MappedColumn], reading: Reading) -> DataFrame:
    arrived = F.coalesce("arrived_at", "event_time")
    lateness = arrived.cast("double") - F.col("event_time").cast("double")
    refused: list[tuple[Column, Reason]] = [
        (F.col("is_malformed"), Reason.MALFORMED_ROW),
        (F.col("user_id").isNull(), Reason.MISSING_USER),
        (F.col("text_event_time").isNull(), Reason.MISSING_TIME),
        (F.col("event_time").isNull(), Reason.UNREADABLE_TIME),
        (
            F.col("event_time") < F.to_utc_timestamp(F.lit(reading.earliest_date).cast("timestamp"), reading.timezone),
            Reason.PREHISTORIC_TIME,
        ),
        (F.col("event_time") > F.col("loaded_at") + F.lit(reading.future_tolerance), Reason.FUTURE_TIME),
        (F.col("action").isNull() | ~F.col("action").isin(*ACTIONS), Reason.UNKNOWN_ACTION),
        *((F.col(f"text_{name}").isNotNull() & F.col(name).isNull(), _unreadable(name)) for name in columns),
        *((F.col(name) < 0, reason) for name, reason in _NEVER_NEGATIVE.items()),
        *((~F.col(name).between(*limits), Reason.VALUE_OUT_OF_RANGE) for name, limits in _POSSIBLE.items()),
        (F.col("price").isNotNull() & F.col("amount").isNull(), Reason.VALUE_OUT_OF_RANGE),  # beyond 64 bits
        *(
            (F.col(f"text_{name}").isNull(), Reason.MISSING_VALUE)
            for name, column in columns.items()
            if column.required or name == "event_id"
        ),
        (lateness > reading.allowed_lateness.total_seconds(), Reason.TOO_LATE),
    ]
    reason = F.coalesce(*(F.when(condition, F.lit(name.value)) for condition, name in refused))
    late = F.coalesce(lateness > reading.late_after.total_seconds(), F.lit(False))
    return frame.withColumn("reason", reason).withColumn("is_late", late)


def _unreadable(name: str) -> Reason:
    if name == "risk":
        return Reason.VALUE_OUT_OF_RANGE
    return Reason.UNREADABLE_TIME if name in ("event_time", "arrived_at") else Reason.UNREADABLE_NUMBER
