from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.demo_shop import Shop
from userprofile.demo_shop.catalogue import stock
from userprofile.demo_shop.taxonomy import COLOURS, LEAVES, STYLES
from userprofile.demo_shop.wording import describe, queries, query_code

CATALOGUE = stock(Shop(users=1, days=1, seed=2, items=500))


def test_style_words_in_a_description_tell_the_style() -> None:
    text = describe(CATALOGUE)["description"].str.to_lowercase()
    for style, words in enumerate(STYLES.values()):
        named = text.str.contains(rf"\b({'|'.join(words)})\b")
        assert named.to_list() == (CATALOGUE.style == style).tolist()


def test_a_title_names_its_kind_of_item() -> None:
    nouns = pl.Series([leaf.noun for leaf in LEAVES]).gather(CATALOGUE.leaf)
    told = pl.DataFrame({"title": describe(CATALOGUE)["title"], "noun": nouns})
    assert told.select(pl.col("title").str.ends_with(pl.col("noun")).all()).item()


def test_a_query_code_leads_to_its_words_and_intent() -> None:
    table, leaf = queries(), 13
    plain, blue, vintage = query_code(np.full(3, leaf), np.array([0, 1, 0]), np.array([0, 5, 1 + len(COLOURS) + 3]))
    assert table.row(int(plain)) == ("phone case", leaf, None, None)
    assert table.row(int(blue)) == ("blue phone cover", leaf, "blue", None)
    assert table.row(int(vintage)) == ("vintage phone case", leaf, None, "vintage")


def test_no_query_has_two_intents() -> None:
    assert queries()["query"].is_unique().all()
