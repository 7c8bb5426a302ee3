"""What the words of a question mean in columns of profiles and features, tags, categories and brands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from userprofile.applications.filters import Filter, any_of, number, quoted
from userprofile.applications.words import Vocabulary, grammar_words
from userprofile.errors import UsageError
from userprofile.tags.definition import Tag

ALL = 0  # in the place of the days of a window: all history

# Verb: what it is called, the days since the last one, and how many.
VERBS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "purchase": (("bought", "buy", "purchased"), "days_since_purchase", "orders"),
    "view": (("viewed", "looked", "look"), "days_since_view", "view_count"),
    "search": (("searched", "search"), "days_since_search", "search_count"),
    "return": (("returned", "sent back"), "days_since_return", "return_count"),
    "review": (("reviewed", "rated", "review", "rate"), "days_since_review", "review_count"),
    "click": (("clicked", "click"), "days_since_click", "click_count"),
    "complaint": (("complained", "complain"), "days_since_complaint", "complaint_count"),
    "event": (("been seen", "seen", "active", "came", "come"), "days_since_any", "active_days"),
}
SYNONYMS = {
    "spent": "spend", "purchases": "purchase_count", "views": "view_count", "searches": "search_count", "carts":
    "cart_count", "favourites": "favourite_count", "returns": "return_count", "reviews": "review_count", "clicks":
    "click_count", "complaints": "complaint_count", "service contacts": "service_contact_count", "visits": "sessions",
    "rating": "rating_mean", "sentiment": "sentiment_mean", "discounts": "discount_share", "discount": "discount_share",
    "tenure": "tenure_days", "open wishes": "favourites_open",
}  # fmt: skip
PHRASES = {
    **dict.fromkeys(
        ("respond to coupons", "use coupons", "used coupons", "coupon users", "used a coupon"),
        Filter("coupon_share > 0", "an order with a coupon", ("coupon_share",)),
    ),
    **dict.fromkeys(
        ("respond to campaigns", "clicked on campaigns"),
        Filter("click_count_all > 0", "a click on what was shown", ("click_count_all",)),
    ),
}


@dataclass(frozen=True)
class Measure:
    """A number of a user, in the windows that the tables have: days -> column."""

    shown: str
    columns: Mapping[int, str]
    money: bool = False
    counts: bool = False

    def column(self, days: int) -> str:
        """Raises UsageError for a window that there is not."""
        if days not in self.columns:
            windows = ", ".join(f"{one} days" if one else "all history" for one in self.columns)
            raise UsageError(f"{self.shown} is not kept of {days} days", expected=windows, received=f"{days} days")
        return self.columns[days]

    @property
    def usual(self) -> int:
        """All history where it is kept."""
        return min(self.columns)


@dataclass(frozen=True)
class Verb:
    """Something that users do."""

    shown: str
    since: str
    times: Measure


@dataclass(frozen=True)
class Named:
    """A category or brand, in all the columns and paths where it is called so."""

    shown: str
    values: tuple[tuple[str, str], ...]  # (category_2, "GROCERY / SOUP")

    def leans(self) -> Filter:
        """It is among the strongest affinities."""
        return any_of(
            Filter(
                f"exists({kind}_affinity, one -> one.name = {quoted(value)})",
                f"{value} is among the strongest of {kind}_affinity",
                (f"{kind}_affinity",),
            )
            for kind, value in self.values
        )


@dataclass(frozen=True)
class Numbers:
    """What a column is, by name: its unit, and whether it counts things."""

    units: Mapping[str, str]
    counting: frozenset[str] = field(default_factory=frozenset)


def vocabulary(numbers: Numbers, tags: Sequence[Tag], names: Iterable[tuple[str, str]]) -> Vocabulary:
    """Of numeric columns, tags, and (kind, value) of categories and brands.

    Of words that mean several things the first of these counts: tags, ready phrases, columns, names.
    """
    known = Vocabulary()
    for tag in tags:
        if not tag.each:
            known.add(tag.name, "TAG", tag.name)
    for before, given in _each(tags).items():
        known.add(before, "EACH", tuple(given))
        if before.rpartition(" ")[2] in ("of", "for"):
            known.add(before.rpartition(" ")[0], "NOUN", tuple(given))
    for phrase, condition in PHRASES.items():
        if set(condition.columns) <= set(numbers.units):
            known.add(phrase, "PHRASE", condition)
    measures = measures_of(numbers)
    for verbs, since, times in VERBS.values():
        if times in measures and since in numbers.units:
            for verb in verbs:
                known.add(verb, "VERB", Verb(verb, since, measures[times]))
    for phrase, measure in measures.items():
        known.add(phrase, "COLUMN", measure, shown=phrase.replace("_", " "))
    for phrase, stem in SYNONYMS.items():
        if stem in measures:
            known.add(phrase, "COLUMN", measures[stem])
    known = grammar_words(known)
    for shown, values in _named(names).items():
        known.add(shown, "VALUE", Named(shown, tuple(values)), shown=shown.rpartition(" / ")[2])
    return known


def measures_of(numbers: Numbers) -> dict[str, Measure]:
    """By a column's name, and by its name without a window."""
    stems: dict[str, dict[int, str]] = {}
    measures = {}
    for column, unit in numbers.units.items():
        money, counts = unit.startswith("minor units"), column in numbers.counting
        measures[column] = Measure(column, {ALL: column}, money, counts)
        if windowed := re.fullmatch(r"(\w+)_(all|\d+d)", column):
            days = ALL if windowed[2] == "all" else int(windowed[2][:-1])
            stems.setdefault(windowed[1], {})[days] = column
    for stem, columns in stems.items():
        one = measures[next(iter(columns.values()))]
        measures.setdefault(stem, Measure(stem, columns, one.money, one.counts))
    return measures


def compared(measure: Measure, sign: str, value: float, days: int | None, *, minor_units: int) -> Filter:
    """The number against a value, money in the currency's major unit."""
    window = measure.usual if days is None else days
    column, shown = measure.column(window), measure.shown.replace("_", " ")
    bound = round(value * 10**minor_units) if measure.money else value
    of = f" of the last {window} days" if window else ""
    words = {">": "more than", ">=": "at least", "<": "less than", "<=": "at most", "=": "exactly"}[sign]
    return Filter(f"{column} {sign} {number(bound)}", f"{shown}{of} {words} {number(value)}", (column,))


def given(tags: Sequence[Tag], named: Named, level: int) -> Filter:
    """A tag about a category or brand, with this one in it. Raises UsageError for a category of another level."""
    kinds = {"category": f"category_{level}", "brand": "brand"}
    words = [
        value.rpartition(" / ")[2].join(tag.around) if tag.each == "category" else value.join(tag.around)
        for tag in tags
        for kind, value in named.values
        if kinds[tag.each or ""] == kind
    ]
    if not words:
        of = " and ".join(f"{kinds[tag.each or '']}" for tag in tags)
        raise UsageError(
            f"no tag is about {named.shown}",
            expected=f"a name of {of}",
            received=", ".join(f"{value} of {kind}" for kind, value in named.values),
            fix=f"`interested in {named.shown}` asks for the strongest affinities of any level",
        )
    distinct = dict.fromkeys(words)
    return any_of(Filter(f"array_contains(tags, {quoted(one)})", f"tagged {one}", ("tags",)) for one in distinct)


def _each(tags: Sequence[Tag]) -> dict[str, list[Tag]]:
    """Tags with `each` whose value comes last, by the words before it."""
    found: dict[str, list[Tag]] = {}
    for tag in tags:
        if tag.each and not tag.around[1]:
            found.setdefault(tag.around[0].strip(), []).append(tag)
    return found


def _named(names: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """By what is said of them: the last part of a category's path, and all of it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, value in sorted(names):
        for shown in dict.fromkeys((value.rpartition(" / ")[2] if kind != "brand" else value, value)):
            found.setdefault(shown, []).append((kind, value))
    return found
