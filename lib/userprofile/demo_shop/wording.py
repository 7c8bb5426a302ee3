"""All text of the shop: titles, descriptions, queries, reviews, complaints. Each carries what was planted."""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.draws import Ints
from userprofile.demo_shop.taxonomy import BRANDS, COLOURS, LEAVES, SHAPES, STYLES

BRAND_NAMES = tuple(name for department in BRANDS for name in department)
MODIFIERS = 1 + len(COLOURS) + len(STYLES)

_NOUNS = tuple((leaf.noun, leaf.synonym) for leaf in LEAVES)
_VERDICTS = (
    ("Terrible, broke at once.", "A waste of money.", "Very disappointed."),
    ("Not what I hoped for.", "Rather poor.", "Below my expectations."),
    ("It is all right.", "Does the job.", "Neither good nor bad."),
    ("Good value.", "I like it a lot.", "Well made."),
    ("Excellent!", "Wonderful, I love it.", "Perfect, would buy again."),
)
_FAULTS = ("arrived damaged", "is not the one I ordered", "never arrived", "stopped working after a day")
_CONTACTS = ("Where is my order?", "How do I return this?", "Please change my address.", "I need an invoice.")


def describe(catalogue: Catalogue) -> pl.DataFrame:
    """One row an item: title (brand and style), description (colour, shape and style)."""
    return _words(catalogue, np.arange(len(catalogue.leaf)), np.arange(len(catalogue.leaf)) % 3).select(
        title=pl.format("{} {} {}", "brand", "style_word", "noun"),
        description=pl.format(
            "{} {} in {} with a {} motif. From the {} line by {}.",
            pl.col("style_word").str.to_titlecase(),
            "noun",
            "colour",
            "shape",
            "other_style_word",
            "brand",
        ),
    )


def query_code(leaf: Ints, synonym: Ints, modifier: Ints) -> Ints:
    """Place in `queries()`; modifier 0 is none, then the colours, then the styles."""
    return (leaf * 2 + synonym) * MODIFIERS + modifier


def queries() -> pl.DataFrame:
    """Every query there is, with its intent: query, the leaf's place, and the colour or style asked for, or null."""
    colours = [(f"{colour} ", colour, None) for colour in COLOURS]
    styles = [(f"{words[0]} ", None, style) for style, words in STYLES.items()]
    told = [
        (prefix + noun, leaf, colour, style)
        for leaf, nouns in enumerate(_NOUNS)
        for noun in nouns
        for prefix, colour, style in [("", None, None), *colours, *styles]
    ]
    return pl.DataFrame(told, schema=["query", "leaf", "colour", "style"], orient="row")


def review_texts(catalogue: Catalogue, item: Ints, rating: Ints, rng: np.random.Generator) -> pl.Series:
    """A verdict that goes with the rating (1 to 5), and a sentence that names the item's style and colour."""
    verdicts = pl.Series([text for row in _VERDICTS for text in row])
    verdict = verdicts.gather((rating - 1) * 3 + rng.integers(0, 3, len(item)))
    words = _words(catalogue, item, rng.integers(0, 3, len(item))).with_columns(verdict=verdict)
    praise = pl.format("{} Its {} look suits the {} {}.", "verdict", "style_word", "colour", "noun")
    return words.select(praise).to_series()


def complaint_texts(catalogue: Catalogue, item: Ints, rng: np.random.Generator) -> pl.Series:
    """What is wrong with which kind of item."""
    fault = pl.Series(_FAULTS).gather(rng.integers(0, len(_FAULTS), len(item)))
    words = _words(catalogue, item, np.zeros(len(item), np.int64)).with_columns(fault=fault)
    return words.select(pl.format("The {} {} {}.", "colour", "noun", "fault")).to_series()


def contact_texts(count: int, rng: np.random.Generator) -> pl.Series:
    """Plain questions to the service."""
    return pl.Series(_CONTACTS).gather(rng.integers(0, len(_CONTACTS), count))


def _words(catalogue: Catalogue, item: Ints, variant: Ints) -> pl.DataFrame:
    style_words = pl.Series([word for words in STYLES.values() for word in words])
    style = catalogue.style[item] * 3
    return pl.DataFrame(
        {
            "brand": pl.Series(BRAND_NAMES).gather(catalogue.brand[item]),
            "noun": pl.Series([noun for noun, _ in _NOUNS]).gather(catalogue.leaf[item]),
            "colour": pl.Series(list(COLOURS)).gather(catalogue.colour[item]),
            "shape": pl.Series(SHAPES).gather(catalogue.shape[item]),
            "style_word": style_words.gather(style + variant),
            "other_style_word": style_words.gather(style + (variant + 1) % 3),
        }
    )
