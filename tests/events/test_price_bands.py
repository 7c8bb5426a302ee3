from __future__ import annotations

from pyspark.sql import functions as F

from userprofile.events.price_bands import price_band, price_band_names

PRICES = [0, 1, 2, 4, 5, 9, 10, 19, 20, 999, 1_000, 10**15, 2**63 - 1]


def test_a_price_lies_within_the_words_of_its_band(spark):
    frame = spark.createDataFrame([(price,) for price in PRICES], "price bigint")
    found = [row["band"] for row in frame.select(price_band(F.col("price")).alias("band")).collect()]
    assert found[:9] == [1, 2, 3, 3, 4, 4, 5, 5, 6]
    words = dict(price_band_names(0).select("code", "value").iter_rows())
    for price, band in zip(PRICES[1:-1], found[1:-1], strict=True):
        low, high = words[band].split(" to ")
        assert float(low) <= price < float(high)
    assert set(found) <= set(words)


def test_words_are_in_major_units_and_nothing_has_no_band(spark):
    words = dict(price_band_names(2).select("code", "value").iter_rows())
    assert (words[1], words[2], words[10]) == ("0", "0.01 to 0.02", "5 to 10")
    row = spark.range(1).select(price_band(F.lit(None).cast("bigint")).alias("band")).collect()[0]
    assert row["band"] is None
