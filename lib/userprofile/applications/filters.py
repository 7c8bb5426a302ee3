"""Conditions on a profile and its features, as Spark SQL and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Filter:
    """One condition; null counts as "does not hold" as soon as it is negated."""

    sql: str
    words: str
    columns: tuple[str, ...] = ()  # that it reads
    parts: int = 1  # conditions that it joins


EVERYBODY = Filter("true", "any user")


def quoted(text: str) -> str:
    r"""A literal of Spark SQL, whatever the text.

    >>> print(quoted("it's mine"))
    'it\'s mine'
    """
    # Spark puts its settings in the place of ${name}, in literals too.
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return f"'{escaped}'"


def number(value: float) -> str:
    """A number as SQL and people read it.

    >>> number(60.0), number(0.6)
    ('60', '0.6')
    """
    return str(int(value)) if value == int(value) else repr(value)


def all_of(filters: Iterable[Filter]) -> Filter:
    """Each of them; `EVERYBODY` asks for nothing beside others."""
    given = list(filters)
    return _joined([one for one in given if one != EVERYBODY] or given[:1], "and")


def any_of(filters: Iterable[Filter]) -> Filter:
    """At least one of them."""
    return _joined(list(filters), "or")


def negated(one: Filter) -> Filter:
    """Where it does not hold, or is not known to."""
    return Filter(f"not coalesce({one.sql}, false)", f"not ({one.words})", one.columns)


def _joined(filters: list[Filter], word: str) -> Filter:
    if len(filters) == 1:
        return filters[0]

    def inside(text: str, one: Filter) -> str:
        return f"({text})" if one.parts > 1 else text

    columns = dict.fromkeys(column for one in filters for column in one.columns)
    sql = f" {word} ".join(inside(one.sql, one) for one in filters)
    words = f" {word} ".join(inside(one.words, one) for one in filters)
    return Filter(sql, words, tuple(columns), len(filters))
