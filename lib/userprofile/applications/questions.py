"""Questions in words to a filter of profiles, by a small grammar that never guesses what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedToken, VisitError
from lark.lexer import Lexer

from userprofile.applications.filters import EVERYBODY, Filter, all_of, any_of, negated, quoted
from userprofile.applications.meanings import Measure, Named, Verb, compared, given
from userprofile.applications.words import Vocabulary
from userprofile.errors import UsageError
from userprofile.tags.definition import Tag

GRAMMAR = """
start: WHO? _clause (WHO _clause)*
_clause: either
either: every (OR every)*
every: item (AND? item)*
?item: NOT item -> no
  | OPEN start CLOSE -> inside
  | ALL -> everybody
  | TAG -> tag
  | PHRASE -> phrase
  | EACH VALUE -> each
  | VALUE NOUN -> each_after
  | LIKE? VALUE -> leans
  | COLUMN span? -> some
  | COLUMN than amount span? -> measured
  | than amount COLUMN span? -> counted
  | COLUMN BETWEEN amount AND amount span? -> between
  | VERB span? -> did
  | VERB than amount TIMES span? -> did_times
amount: NUMBER PERCENT? UNIT?
span: (WITHIN | FOR) NUMBER? UNIT
!than: MORE | LEAST | LESS | MOST | EXACTLY
%declare WHO AND OR NOT OPEN CLOSE ALL TAG PHRASE EACH VALUE NOUN LIKE COLUMN BETWEEN NUMBER PERCENT UNIT WITHIN FOR
%declare VERB TIMES MORE LEAST LESS MOST EXACTLY
"""
SIGNS = {"MORE": ">", "LEAST": ">=", "LESS": "<", "MOST": "<=", "EXACTLY": "="}
DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
SAID = {
    "ALL": "users", "TAG": "a tag", "VALUE": "a category or brand", "COLUMN": "a column", "NUMBER": "a number", "UNIT":
    "days, weeks or months", "VERB": "a verb such as bought", "$END": "the end", "NOUN": "enthusiasts, fans",
    "AND": "and", "OR": "or", "NOT": "not", "WHO": "who", "MORE": "more than", "TIMES": "times",
    "WITHIN": "in the last", "OPEN": "(", "CLOSE": ")",
}  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """Understands questions in the words of one log."""

    vocabulary: Vocabulary
    level: int  # of categories that tags are about
    minor_units: int

    def read(self, question: str) -> Filter:
        """Raises UsageError for a word that is not known, with those like it, and for a sentence that is none."""
        tokens = list(_merged(self.vocabulary.tokens(question)))
        try:
            return _Filters(self).transform(_PARSER.parse(tokens))
        except UnexpectedToken as error:
            raise _no_sentence(question, error) from error
        except VisitError as error:
            raise error.orig_exc from None


class _Tokens(Lexer):
    """Words are terminals already: vocabularies differ from log to log, the grammar does not."""

    def __init__(self, _: Any) -> None:
        pass

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]
        yield from data


_PARSER = Lark(GRAMMAR, parser="lalr", lexer=_Tokens)


class _Filters(Transformer[Token, Filter]):
    """Each rule of the grammar to its filter; lists hold what its terminals carry."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def start(self, parts: list[Any]) -> Filter:
        return all_of(part for part in parts if isinstance(part, Filter))

    every = start

    def either(self, parts: list[Any]) -> Filter:
        return any_of(part for part in parts if isinstance(part, Filter))

    def no(self, parts: list[Any]) -> Filter:
        return negated(parts[-1])

    def inside(self, parts: list[Any]) -> Filter:
        return next(part for part in parts if isinstance(part, Filter))

    def everybody(self, parts: list[Any]) -> Filter:
        return EVERYBODY

    def tag(self, parts: list[Any]) -> Filter:
        name = _carried(parts[0])
        return Filter(f"array_contains(tags, {quoted(name)})", f"tagged {name}", ("tags",))

    def phrase(self, parts: list[Any]) -> Filter:
        return _carried(parts[0])

    def each(self, parts: list[Any]) -> Filter:
        tags: tuple[Tag, ...] = _carried(parts[0])
        named: Named = _carried(parts[1])
        return given(tags, named, self.reader.level)

    def each_after(self, parts: list[Any]) -> Filter:
        return self.each(parts[::-1])

    def leans(self, parts: list[Any]) -> Filter:
        named: Named = _carried(parts[-1])
        return named.leans()

    def amount(self, parts: list[Token]) -> float:
        kinds = {token.type: _carried(token) for token in parts}
        value: float = kinds["NUMBER"] * DAYS.get(kinds.get("UNIT", ""), 1)
        return value / 100 if "PERCENT" in kinds else value

    def span(self, parts: list[Token]) -> int:
        kinds = {token.type: _carried(token) for token in parts}
        return round(kinds.get("NUMBER", 1) * DAYS[kinds["UNIT"]])

    def than(self, parts: list[Token]) -> str:
        return SIGNS[parts[0].type]

    def some(self, parts: list[Any]) -> Filter:
        measure: Measure = _carried(parts[0])
        if not measure.counts:
            raise UsageError(
                f"the question does not say how much of {measure.shown} is meant",
                expected=f"{measure.shown} over, under or between numbers",
                received=measure.shown,
            )
        return self._compared(measure, ">", 0, parts[1:])

    def measured(self, parts: list[Any]) -> Filter:
        return self._compared(_carried(parts[0]), parts[1], parts[2], parts[3:])

    def counted(self, parts: list[Any]) -> Filter:
        return self._compared(_carried(parts[2]), parts[0], parts[1], parts[3:])

    def between(self, parts: list[Any]) -> Filter:
        measure, (low, high) = _carried(parts[0]), (part for part in parts if isinstance(part, float))
        span = [part for part in parts if isinstance(part, int)]
        return all_of(self._compared(measure, sign, bound, span) for sign, bound in ((">=", low), ("<=", high)))

    def did(self, parts: list[Any]) -> Filter:
        verb: Verb = _carried(parts[0])
        if len(parts) == 1:
            return self._compared(verb.times, ">", 0, [])
        return Filter(f"{verb.since} <= {parts[1]}", f"{verb.shown} in the last {parts[1]} days", (verb.since,))

    def did_times(self, parts: list[Any]) -> Filter:
        verb: Verb = _carried(parts[0])
        return self._compared(verb.times, parts[1], parts[2], [part for part in parts[3:] if isinstance(part, int)])

    def _compared(self, measure: Measure, sign: str, value: float, span: list[int]) -> Filter:
        return compared(measure, sign, value, span[0] if span else None, minor_units=self.reader.minor_units)


def _carried(token: Token) -> Any:
    return token.value.carries


def _merged(tokens: Iterator[Token]) -> Iterator[Token]:
    """Without the `and` of `, and` and `and who`: one word joins."""
    joining: Token | None = None
    for token in tokens:
        if token.type in ("AND", "WHO", "OR"):
            joining = token if joining is None or token.type != "AND" else joining
            continue
        if joining is not None:
            yield joining
        joining = None
        yield token
    if joining is not None:
        yield joining


def _no_sentence(question: str, error: UnexpectedToken) -> UsageError:
    at = "its end" if error.token.type == "$END" else repr(error.token.value.shown)
    awaited = dict.fromkeys(SAID[name] for name in sorted(error.accepts or error.expected) if name in SAID)
    return UsageError(
        f"the question is not understood at {at}",
        expected=", ".join(awaited),
        received=question,
        fix="see the README, 'Ask in words'",
    )
