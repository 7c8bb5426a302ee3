"""The words of a question: what each stands for, and which known ones an unknown one is like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lark import Token
from rapidfuzz import fuzz, process

from userprofile.errors import UsageError

_QUOTED = re.compile(r'"([^"]*)"')
_WORD = re.compile(r'"[^"]*"|\d+(?:,\d{3})*(?:\.\d+)?|[^\W\d_][^\W_]*|<=|>=|[<>=%(),]')
_SHORT = re.compile(r"\b(\w+?)n['\u2019]t\b", re.IGNORECASE)

# One word, or several, in the form that `stems` gives them; what is not a name of the data.
GRAMMAR: dict[str, str] = {
    **dict.fromkeys(("who", "that", "which", "whose", "with", "having"), "WHO"),
    **dict.fromkeys(("and", "but", "also", ","), "AND"),
    **dict.fromkeys(("or",), "OR"),
    **dict.fromkeys(("not", "never", "no", "without", "neither", "nor"), "NOT"),
    **dict.fromkeys(("user", "people", "customer", "everyone", "everybody", "all"), "ALL"),
    **dict.fromkeys(("for",), "FOR"),
    **dict.fromkeys(("in", "within", "during", "in the last", "within the last", "during the last"), "WITHIN"),
    **dict.fromkeys(("over the last", "in the past", "in last"), "WITHIN"),
    **dict.fromkeys(("more than", "over", "above", ">"), "MORE"),
    **dict.fromkeys(("at least", ">="), "LEAST"),
    **dict.fromkeys(("less than", "fewer than", "under", "below", "<"), "LESS"),
    **dict.fromkeys(("at most", "no more than", "not more than", "<="), "MOST"),
    **dict.fromkeys(("exactly", "="), "EXACTLY"),
    "between": "BETWEEN",
    **dict.fromkeys(("time",), "TIMES"),
    **dict.fromkeys(("day", "week", "month", "year"), "UNIT"),
    **dict.fromkeys(("like", "interested in", "lean to"), "LIKE"),
    **dict.fromkeys(("%", "percent"), "PERCENT"),
    "(": "OPEN",
    ")": "CLOSE",
    # Said for the sake of the sentence.
    **dict.fromkeys(("have", "ha", "had", "do", "doe", "did", "are", "is", "were", "wa", "be", "been"), ""),
    **dict.fromkeys(("a", "an", "the", "their", "them", "they", "it", "anything", "something"), ""),
}


@dataclass(frozen=True)
class Meaning:
    """What a phrase stands for: a terminal of the grammar, and what it carries there."""

    terminal: str
    carries: Any
    shown: str


@dataclass
class Vocabulary:
    """Phrases of the data by their stems; of one phrase the first meaning counts."""

    meanings: dict[tuple[str, ...], Meaning] = field(default_factory=dict)
    longest: int = 1

    def add(self, phrase: str, terminal: str, carries: Any, *, shown: str = "") -> None:
        """One more phrase; one without words, or that is known, changes nothing."""
        if words := stems(phrase):
            self.meanings.setdefault(words, Meaning(terminal, carries, shown or phrase))
            self.longest = max(self.longest, len(words))

    def like(self, words: str, *, most: int = 5) -> list[str]:
        """Known phrases that are like the words, likest first."""
        shown = {" ".join(phrase): meaning.shown for phrase, meaning in self.meanings.items() if meaning.terminal}
        found = process.extract(" ".join(stems(words)), list(shown), scorer=_alike, limit=most, score_cutoff=60)
        return list(dict.fromkeys(shown[phrase] for phrase, *_ in found))

    def tokens(self, question: str) -> Iterator[Token]:
        """The question as terminals, longest phrases first. Raises UsageError for words that are not known."""
        words = [match[0] for match in _WORD.finditer(_SHORT.sub(_spelt, question))]
        place, unknown = 0, []
        while place < len(words):
            length, meaning = self._at(words, place)
            if meaning is None:
                unknown.append(words[place])
            elif unknown:
                break
            elif meaning.terminal:
                yield Token(meaning.terminal, meaning)
            place += length
        if unknown:
            raise self._unknown(" ".join(unknown))

    def _at(self, words: list[str], place: int) -> tuple[int, Meaning | None]:
        if quoted := _QUOTED.fullmatch(words[place]):
            return 1, self.meanings.get(stems(quoted[1]))
        if re.fullmatch(r"[\d.,]*\d", words[place]):
            number = Meaning("NUMBER", float(words[place].replace(",", "")), words[place])
        else:
            number = None
        for length in range(min(self.longest, len(words) - place), 0, -1):
            phrase = stems(" ".join(words[place : place + length]))
            if len(phrase) == length and (found := self.meanings.get(phrase)):
                return length, found
        return 1, number

    def _unknown(self, words: str) -> UsageError:
        near = self.like(words)
        return UsageError(
            f"the question has words that nothing here is called: {words}",
            expected=f"perhaps {', '.join(near)}" if near else "tags, columns, categories and brands (README)",
            received=words,
            fix="say it in other words, or put a name in double quotes",
        )


def stems(text: str) -> tuple[str, ...]:
    """Words in lower case and, in a simple way, in the singular.

    >>> stems("Coupon hunters"), stems("FRZN MEAT/MEAT DINNERS"), stems("categories <= 3.5")
    (('coupon', 'hunter'), ('frzn', 'meat', 'meat', 'dinner'), ('category', '<=', '3.5'))
    """
    return tuple(_stem(word.lower()) for word in _WORD.findall(text))


def grammar_words(vocabulary: Vocabulary) -> Vocabulary:
    """The same with the words of the grammar, which come before names of one word."""
    for phrase, terminal in GRAMMAR.items():
        vocabulary.add(phrase, terminal, phrase)
    return vocabulary


def _alike(unknown: str, known: str, **_: Any) -> float:
    """0 to 100: as a whole or, a little less, as one of its words."""
    return max(fuzz.ratio(unknown, known), *(0.95 * fuzz.ratio(unknown, word) for word in known.split()))


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


def _spelt(match: re.Match[str]) -> str:
    return f"{match[1]} not"
