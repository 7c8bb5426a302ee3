"""Types that configuration values take, each parsed once from the way people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class Section(BaseModel):
    """A part of the configuration: no unknown keys, never changed after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def parse_duration(text: object) -> timedelta:
    """`28d`, `36h`, `30m` or `10s` as a duration; never negative."""
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d{1,6})([dhms])", str(text).strip())
    if not match:
        raise ValueError("a duration such as 28d, 36h, 30m or 10s")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_horizon(text: object) -> timedelta:
    """A duration in which something can happen."""
    if not (duration := parse_duration(text)):
        raise ValueError("a duration above 0, such as 28d")
    return duration


def parse_timezone(name: object) -> str:
    """A name of the IANA time zone database."""
    if str(name) not in available_timezones():
        raise ValueError("an IANA time zone such as Europe/London")
    return ZoneInfo(str(name)).key


def _in_seconds(duration: timedelta) -> str:
    return f"{duration // timedelta(seconds=1)}s"


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(_in_seconds)]
Horizon = Annotated[timedelta, BeforeValidator(parse_horizon), PlainSerializer(_in_seconds)]
Timezone = Annotated[str, BeforeValidator(parse_timezone)]
