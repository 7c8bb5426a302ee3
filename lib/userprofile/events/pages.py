"""A paged HTTP API as raw records: asked no faster than it allows, and again where it fails."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

from userprofile.errors import DataGateError, EnvironmentMismatchError

_PASSING = (429, 500, 502, 503, 504)
_EMPTY_IN_A_ROW = 100  # pages without records after which an API is believed to be at its end
_LONGEST_WAIT = 120.0  # seconds between two tries
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Api:
    """An API. `next` is where an answer names the next page; without it pages have numbers from `first` on."""

    url: str
    key: str  # of the mapping, for messages
    parameter: str
    next: str = ""
    first: int = 1
    records: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    requests_per_second: float = 5.0
    timeout_seconds: float = 30.0
    retries: int = 6
    token: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """The API's name in bronze: other parameters give other pages."""
        return f"{self.url}?{urlencode(sorted(self.parameters.items()))}" if self.parameters else self.url


@dataclass(frozen=True)
class Page:
    """Records as received, the text of each, and what the page was asked for by; empty for the first by cursor."""

    cursor: str
    records: list[str]


def pages(api: Api, *, start: str | None) -> Iterator[Page]:
    """All pages from this one on, or from the first.

    Raises EnvironmentMismatchError where the API stays out of reach, DataGateError where it answers something else.
    """
    cursor = start if start is not None else "" if api.next else str(api.first)
    asking, seen, empty = _Asking(api), set[str](), 0
    while cursor not in seen and empty < _EMPTY_IN_A_ROW:
        seen.add(cursor)
        text, answer = asking.page(cursor)
        page = Page(cursor, records_in(text, api.records))
        empty = 0 if page.records else empty + 1
        if page.records or api.next:
            yield page
        following = _at(answer, api.next) if api.next else int(cursor) + 1 if page.records else None
        if following in (None, ""):
            return
        cursor = str(following)


def records_in(text: str, path: str) -> list[str]:
    """The text of each record of the list at `path`, which is valid JSON: a number keeps its last zeros.

    >>> records_in('{"data": {"rows": [{"price": 1.10}, {"b" : 2}]}, "next": 7}', "data.rows")
    ['{"price": 1.10}', '{"b" : 2}']
    """
    place = _after_space(text, 0)
    for name in path.split(".") if path else []:
        place = _value_of(text, place, name)
    if text[place : place + 1] != "[":
        raise ValueError(f"no list at {path or 'the top'}")
    return [text[start:end] for start, end in _elements(text, place)]


def _value_of(text: str, place: int, wanted: str) -> int:
    """Where the value of this name begins, in the object that begins at `place`."""
    found = [start for name, start in _entries(text, place) if name == wanted]
    if not found:
        raise ValueError(f"no {wanted}")
    return found[-1]  # as json.loads takes the last of two


def _entries(text: str, place: int) -> Iterator[tuple[str, int]]:
    if text[place] != "{":
        return
    place = _after_space(text, place + 1)
    while text[place] != "}":
        name, place = _DECODER.raw_decode(text, place)
        start = _after_space(text, _after_space(text, place) + 1)  # behind the colon
        yield name, start
        place = _after_comma(text, _DECODER.raw_decode(text, start)[1])


def _elements(text: str, place: int) -> Iterator[tuple[int, int]]:
    place = _after_space(text, place + 1)
    while text[place] != "]":
        end = _DECODER.raw_decode(text, place)[1]
        yield place, end
        place = _after_comma(text, end)


_DECODER = json.JSONDecoder()


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _after_comma(text: str, place: int) -> int:
    place = _after_space(text, place)
    return _after_space(text, place + 1) if text[place] == "," else place


def _at(answer: Any, path: str) -> Any:
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


class _Asking:
    """One connection, its rate and its patience."""

    def __init__(self, api: Api) -> None:
        self._api, self._earliest = api, 0.0
        self._headers = {"Accept": "application/json"}
        if api.token:
            self._headers["Authorization"] = f"Bearer {api.token}"
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=10.0, read=api.timeout_seconds))

    def page(self, cursor: str) -> tuple[str, Any]:
        """The answer's text, and what it says as JSON; asked again where it is no JSON, as one that was cut short."""
        for left in range(self._api.retries, -1, -1):
            text = self._text(cursor)
            try:
                answer = json.loads(text)
                records_in(text, self._api.records)
                return text, answer
            except ValueError as error:
                problem = error
                if not isinstance(error, json.JSONDecodeError) or not left:
                    break
                time.sleep(min(_LONGEST_WAIT, 0.5 * 2 ** (self._api.retries - left)))
        raise DataGateError(
            f"a page of {self._api.url} is not what the mapping says",
            expected=f"JSON with a list of records at {self._api.records or 'its top'}",
            received=problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem),
            fix=f"correct {self._api.key}.records, or try again when the API is well",
        )

    def _text(self, cursor: str) -> str:
        self._wait()
        fields = {**self._api.parameters, **({self._api.parameter: cursor} if cursor else {})}
        try:
            answer = self._pool.request(
                "GET", self._api.url, fields=fields, headers=self._headers, retries=self._retries()
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(_kind(error)) from None
        if answer.status != 200:
            raise self._unreachable(f"status {answer.status}")
        return answer.data.decode("utf-8-sig", errors="replace")

    def _wait(self) -> None:
        time.sleep(max(0.0, self._earliest - time.monotonic()))
        self._earliest = time.monotonic() + 1 / self._api.requests_per_second

    def _retries(self) -> urllib3.Retry:
        """After a growing wait, or as long as Retry-After says; elsewhere than at this host never with the token."""
        return urllib3.Retry(
            total=self._api.retries,
            redirect=3,
            status_forcelist=_PASSING,
            allowed_methods=("GET",),
            backoff_factor=0.5,
            backoff_max=_LONGEST_WAIT,
            backoff_jitter=0.2,
            raise_on_status=True,
        )

    def _unreachable(self, received: str) -> EnvironmentMismatchError:
        refused = received in ("status 401", "status 403")
        return EnvironmentMismatchError(
            f"the API {self._api.url} {'refused this token' if refused else 'did not answer'}",
            expected="pages, with status 200",
            received=received,
            fix=f"set the variable that {self._api.key}.token_from names"
            if refused
            else f"check {self._api.key}.url, then run the same command again: it goes on where it stopped",
        )


def _kind(error: Exception) -> str:
    """What went wrong last, without the URL, whose parameters are nobody's business."""
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, urllib3.exceptions.ResponseError):
        return f"{reason} on every try"
    return type(reason).__name__
