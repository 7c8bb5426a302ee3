"""Sources that are asked rather than read: a table of a database, a paged HTTP API. They hold no secrets, only names
of environment variables that do.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from userprofile.config.values import Count, Horizon, Positive, Section, parse_duration

Variable = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$", description="of the environment")]
_SECRET_IN_URL = re.compile(r"[^:/]@|[?&;](user|password|token|ssl(password|cert|key)|\w*key)=", re.IGNORECASE)


def parse_overlap(overlap: object) -> int | timedelta:
    """`1h` of a column of times, `10000` of one of numbers."""
    if re.fullmatch(r"\d{1,12}", str(overlap)):
        return int(str(overlap))
    try:
        return parse_duration(overlap)
    except ValueError as error:
        raise ValueError("a duration such as 1h, or a number such as 10000") from error


Overlap = Annotated[int | timedelta, BeforeValidator(parse_overlap), PlainSerializer(str)]


class Jdbc(Section):
    """A table whose rows are taken in as they come, by a column that grows."""

    url: str
    table: Annotated[str, Field(pattern=r"^[^\s.\"`';]+(\.[^\s.\"`';]+)*$")]
    incremental_column: Annotated[str, Field(min_length=1)]
    overlap: Overlap | None = None  # asked for again each time; none: 1h of times, 10000 of numbers
    partitions: Count = 1  # queries that read at once
    fetch_rows: Count = 10_000  # of one round trip
    user_from: Variable | None = None
    password_from: Variable | None = None
    driver: str | None = None  # the driver's class, where Spark does not know it by the URL

    @field_validator("url")
    @classmethod
    def _of_a_server(cls, url: str) -> str:
        if not re.match(r"jdbc:[a-z0-9]+:(//)?\S+$", url):
            raise ValueError("a JDBC URL such as jdbc:postgresql://host:5432/database")
        return _without_secrets(url, "user_from and password_from")


class NumberedPages(Section):
    """Pages asked for by their number."""

    parameter: str
    first: Annotated[int, Field(ge=0)] = 1


class CursorPages(Section):
    """Pages of which each names the next."""

    parameter: str
    next: str  # where the answer has it, as meta.next


class Http(Section):
    """An API that gives a log page by page, the oldest records first; records are only ever added at the end."""

    url: str
    records: str = ""  # where the answer has its list, as data.events; empty: the answer is the list
    pages: NumberedPages | None = None
    cursor: CursorPages | None = None
    parameters: dict[str, str | int] = Field(default_factory=dict)
    token_from: Variable | None = None  # sent as Authorization: Bearer
    requests_per_second: Positive = 5.0
    timeout: Horizon = Field(default="30s", validate_default=True)
    retries: Annotated[int, Field(ge=0, le=20)] = 6  # of one page, each after a longer wait
    pages_per_commit: Count = 100

    @field_validator("url")
    @classmethod
    def _of_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or re.search(r"\s", url):
            raise ValueError("a URL that begins with http:// or https://")
        if parts.query:
            raise ValueError("a URL without `?`: what follows it belongs to `parameters`")
        return _without_secrets(url, "token_from")

    @field_validator("parameters")
    @classmethod
    def _no_secrets(cls, parameters: dict[str, str | int]) -> dict[str, str | int]:
        if any(re.search("token|secret|password|key", name, re.IGNORECASE) for name in parameters):
            raise ValueError("parameters that hold no secret: token_from names an environment variable that does")
        return parameters

    @model_validator(mode="after")
    def _one_way_of_paging(self) -> Http:
        if (self.pages is None) == (self.cursor is None):
            raise ValueError("either `pages` or `cursor`, which say how the next page is asked for")
        return self


def _without_secrets(url: str, instead: str) -> str:
    if _SECRET_IN_URL.search(url):
        raise ValueError(f"a URL without user, password or token: {instead} name environment variables that hold them")
    return url
