"""The mapping file of a log: how raw fields become canonical columns. Written by users, so checked with care."""

from __future__ import annotations

import codecs
import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from userprofile.columns import ACTIONS
from userprofile.config.asked import Http, Jdbc
from userprofile.config.values import Duration, Horizon, Section, Timezone
from userprofile.schemas.entities import SilverItems, SilverUsers
from userprofile.schemas.events import SilverEvents

_MADE_BY_REFINING = {"file_number", "event_order", "currency"}
EVENT_COLUMNS = [
    name for name in SilverEvents.column_names() if name not in _MADE_BY_REFINING and not name.startswith("is_")
]
_KEYS_OF_THEIR_OWN = {"category_path", "attributes", "consent", "currency"}
ITEM_COLUMNS = [name for name in SilverItems.column_names() if name not in _KEYS_OF_THEIR_OWN]
USER_COLUMNS = [name for name in SilverUsers.column_names() if name not in _KEYS_OF_THEIR_OWN]
REQUIRED_EVENT_COLUMNS = ("user_id", "action", "event_time")
_OF_FILES = ("files", "format", "delimiter", "header", "fields", "encoding", "multiline")
_PATTERN_LETTERS = set("GyuMLdDhHkKmsSaVzOXxZ")  # what Spark reads; Y, of a year of weeks, is not among them


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
        if not isinstance(value, str | dict):
            raise ValueError("an SQL expression, or keys with `sql` among them")
        return {"sql": value} if isinstance(value, str) else value

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern: str | None) -> str | None:
        letters = set(re.sub("[^A-Za-z]", "", "".join((pattern or "").split("'")[::2])))
        if letters - _PATTERN_LETTERS:
            raise ValueError("a pattern such as yyyy-MM-dd HH:mm:ss; text in it stands in quotes")
        return pattern


class Files(Section):
    """Where rows come from and how they are written down."""

    files: list[str] = Field(default_factory=list)
    format: Literal["csv", "jsonl", "json_entries", "parquet", "whitespace"] = "csv"
    delimiter: Annotated[str, Field(min_length=1)] = ","
    header: bool = True
    fields: list[str] | None = None  # their names, where no header gives them
    encoding: str = "utf-8"
    multiline: bool = False  # quoted fields may hold line breaks
    jdbc: Jdbc | None = None  # in the place of files: a table of a database
    http: Http | None = None  # in the place of files: an API
    columns: Annotated[dict[str, Column], Field(min_length=1)]

    @field_validator("encoding")
    @classmethod
    def _line_by_line(cls, encoding: str) -> str:
        try:
            one_byte = b"\n".decode(codecs.lookup(encoding).name) == "\n"
        except (LookupError, UnicodeError):
            one_byte = False
        if not one_byte:
            raise ValueError("an encoding with line breaks of one byte, such as utf-8, latin-1 or cp1252")
        return encoding

    @property
    def is_of_its_own(self) -> bool:
        """Whether it has rows of its own; else they are those of the log."""
        return bool(self.files or self.jdbc or self.http)

    @model_validator(mode="after")
    def _one_origin(self) -> Files:
        asked = [name for name in ("jdbc", "http") if getattr(self, name)]
        if asked and (unread := sorted(self.model_fields_set & ({*_OF_FILES, "jdbc", "http"} - {asked[0]}))):
            raise ValueError(f"one origin of rows: with `{asked[0]}` no {', '.join(unread)}")
        return self

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
        _require_known(columns, EVENT_COLUMNS, REQUIRED_EVENT_COLUMNS)
        unknown = [word for word in (columns["action"].values or {}).values() if word not in ACTIONS]
        if unknown:
            raise ValueError(f"actions among {', '.join(ACTIONS)}; not {', '.join(unknown)}")
        return columns


class ItemFiles(Files):
    """The catalogue: a file of its own, or columns of the log (`files` empty)."""

    category_path: list[str] = Field(default_factory=list)  # SQL expressions, the broadest level first
    attributes: dict[str, str] = Field(default_factory=dict)

    @field_validator("columns")
    @classmethod
    def _canonical(cls, columns: dict[str, Column]) -> dict[str, Column]:
        _require_known(columns, ITEM_COLUMNS, ("item_id",))
        return _require_text(columns)


class UserFiles(Files):
    """Declared attributes of users, and their consent."""

    attributes: dict[str, str] = Field(default_factory=dict)
    consent: dict[str, str] = Field(default_factory=dict)  # purpose -> SQL condition

    @field_validator("columns")
    @classmethod
    def _canonical(cls, columns: dict[str, Column]) -> dict[str, Column]:
        _require_known(columns, USER_COLUMNS, ("user_id",))
        return _require_text(columns)


class SourceMapping(Section):
    """A whole mapping file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    about: str = ""
    timezone: Timezone
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    minor_units: Annotated[int, Field(ge=0, le=4)] = 2  # decimal places of the currency
    as_of: date | None = None  # none: the day after the last event
    gap: Duration
    horizon: Horizon
    text_language: Literal["en"] | None = None  # in which texts of events are read for their sentiment
    default_consent: list[str] = Field(default_factory=list)
    row_without_user: Literal["count_and_drop", "quarantine"] = "quarantine"
    exact_repeats: Literal["real", "duplicates"] = "duplicates"
    events: EventFiles
    items: ItemFiles | None = None
    users: UserFiles | None = None


def _require_known(columns: dict[str, Column], known: list[str], required: tuple[str, ...]) -> None:
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise ValueError(f"columns among {', '.join(known)}; not {', '.join(unknown)}")
    missing = [name for name in required if name not in columns]
    if missing:
        raise ValueError(f"a mapping of {', '.join(missing)}")


def _require_text(columns: dict[str, Column]) -> dict[str, Column]:
    """Items and users are never quarantined, and hold no times: keys for those would be read by nobody."""
    for name, column in columns.items():
        if unread := [key for key in ("pattern", "epoch", "required") if getattr(column, key)]:
            raise ValueError(f"only sql, values and fill for {name}; not {', '.join(unread)}")
    return columns
