from __future__ import annotations

import polars as pl

from userprofile.events.price_bands import price_band, price_band_names

PRICES = [0, 1, 2, 4, 5, 9, 10, 19, 20, 999, 1_000, 10**15, 2**63 - 1]


def bands(prices):
    return pl.DataFrame({"price": pl.Series(prices, dtype=pl.Int64)}).select(band=price_band(pl.col("price")))["band"]


def test_a_price_lies_within_the_words_of_its_band():
    found = bands(PRICES).to_list()
    assert found[:9] == [1, 2, 3, 3, 4, 4, 5, 5, 6]
    words = dict(price_band_names(0).select("code", "value").iter_rows())
    for price, band in zip(PRICES[1:-1], found[1:-1], strict=True):
        low, high = words[band].split(" to ")
        assert float(low) <= price < float(high)
    assert set(found) <= set(words)


def test_words_are_in_major_units_and_nothing_has_no_band():
    words = dict(price_band_names(2).select("code", "value").iter_rows())
    assert (words[1], words[2], words[10]) == ("0", "0.01 to 0.02", "5 to 10")
    assert bands([None, 500, None]).to_list() == [None, 10, None]
