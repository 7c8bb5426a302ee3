"""The mapping file of a log: how its raw fields become the canonical columns. Written by users, so checked with care."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from userprofile.columns import ACTIONS
from userprofile.config.values import Duration, Section, Timezone
from userprofile.schemas.entities import SilverItems, SilverUsers
from userprofile.schemas.events import SilverEvents

_MADE_BY_REFINING = {"file_number", "event_order", "currency"}
EVENT_COLUMNS = [
    name for name in SilverEvents.column_names() if name not in _MADE_BY_REFINING and not name.startswith("is_")
]
REQUIRED_EVENT_COLUMNS = ("user_id", "action", "event_time")


class Column(Section):
    """One canonical column: a Spark SQL expression over the raw fields (all of them text), and how to read its text."""

    sql: str
    pattern: str | None = None  # of a date or time, as Spark's to_timestamp takes it
    epoch: Literal["seconds", "milliseconds", "microseconds"] | None = None
    values: dict[str, str] | None = None  # the log's word -> ours
    fill: str | None = None  # put in place of a missing value, and counted
    required: bool = False  # a row without it is quarantined

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"sql": value} if isinstance(value, str) else value


class Files(Section):
    """Where rows come from and how they are written down."""

    files: list[str] = []
    format: Literal["csv", "jsonl", "parquet", "whitespace"] = "csv"
    delimiter: str = ","
    header: bool = True
    fields: list[str] | None = None  # their names, where no header gives them
    encoding: str = "utf-8"
    multiline: bool = False  # quoted fields may hold line breaks
    columns: Annotated[dict[str, Column], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_known(self) -> Files:
        if self.format in ("csv", "whitespace") and not self.header and not self.fields:
            raise ValueError("`fields` naming the columns, where `header` is false")
        return self


class EventFiles(Files):
    """The log itself."""

    @field_validator("columns")
    @classmethod
    def _canonical(cls, columns: dict[str, Column]) -> dict[str, Column]:
        _require_known(columns, EVENT_COLUMNS)
        missing = [name for name in REQUIRED_EVENT_COLUMNS if name not in columns]
        if missing:
            raise ValueError(f"a mapping of {', '.join(missing)}")
        unknown = [word for word in (columns["action"].values or {}).values() if word not in ACTIONS]
        if unknown:
            raise ValueError(f"actions among {', '.join(ACTIONS)}; not {', '.join(unknown)}")
        return columns


class ItemFiles(Files):
    """The catalogue: a file of its own, or columns of the log (`files` empty)."""

    category_path: list[str] = []  # SQL expressions, the broadest level first
    attributes: dict[str, str] = {}

    @field_validator("columns")
    @classmethod
    def _canonical(cls, columns: dict[str, Column]) -> dict[str, Column]:
        _require_known(columns, SilverItems.column_names())
        return columns


class UserFiles(Files):
    """Declared attributes of users, and their consent."""

    attributes: dict[str, str] = {}
    consent: dict[str, str] = {}  # purpose -> SQL condition

    @field_validator("columns")
    @classmethod
    def _canonical(cls, columns: dict[str, Column]) -> dict[str, Column]:
        _require_known(columns, SilverUsers.column_names())
        return columns


class SourceMapping(Section):
    """A whole mapping file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    about: str = ""
    timezone: Timezone
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    minor_units: Annotated[int, Field(ge=0, le=4)] = 2  # decimal places of the currency
    as_of: date | None = None  # none: the day after the last event
    gap: Duration
    horizon: Duration
    default_consent: list[str] = []
    row_without_user: Literal["count_and_drop", "quarantine"] = "quarantine"
    exact_repeats: Literal["real", "duplicates"] = "duplicates"
    events: EventFiles
    items: ItemFiles | None = None
    users: UserFiles | None = None


def _require_known(columns: dict[str, Column], known: list[str]) -> None:
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise ValueError(f"columns among {', '.join(known)}; not {', '.join(unknown)}")
