from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import polars as pl
import pytest

from userprofile.features.catalogue import compose, user_features_schema
from userprofile.features.frequency import frequency
from userprofile.features.rfm import rfm
from userprofile.report.catalogue import SPARKS, catalogue_page, catalogue_text, described, edge, share, sparkline
from userprofile.windows import Window

CATALOGUE = compose(frequency([Window(7)]), rfm())
VIEWS = CATALOGUE.names[0]
WORD = "<b>loyal|ty</b>"


@pytest.fixture(scope="module")
def whole():
    """Twenty users of a hundred; the first four never bought."""
    bought = [None] * 4 + [float(days) for days in range(16)]
    rows = pl.DataFrame(
        {VIEWS: range(20), "rfm_recency_days": bought, "rfm_segment": [None] * 4 + [WORD] * 12 + ["lost"] * 4}
    )
    schema = user_features_schema(CATALOGUE)
    types = {name: column.dtype for name, column in schema.columns().items()}
    empty = [pl.lit(None).cast(types[name]).alias(name) for name in CATALOGUE.names if name not in rows.columns]
    rows = rows.with_columns(*empty)
    return described(rows, CATALOGUE, source="my_shop", as_of=dt.date(2024, 3, 1), users=100)


def test_the_page_holds_every_feature_and_nothing_from_elsewhere(whole):
    page = catalogue_page(whole)
    assert re.findall(r'<tr id="(\w+)">', page) == CATALOGUE.names
    assert not re.search(r"(src|href)=\"(?!#)|https?://(?!documentation\.bloomreach)|<script|@import", page)
    assert "color-scheme: light dark" in page
    assert page.count("<h2") == 2
    for feature in CATALOGUE.features:
        assert feature.says.replace("'", "&#39;") in page


def test_the_page_says_whom_it_speaks_of(whole):
    assert "as of 2024-03-01; the figures are of 20, chosen by hash, of the 100 users" in catalogue_page(whole)
    assert "as of 2024-03-01; the figures are of all 20 users" in catalogue_page(replace(whole, users=20))


def test_a_row_of_the_page(whole):
    (row,) = re.findall(r'<tr id="rfm_recency_days">.*?</tr>', catalogue_page(whole), re.DOTALL)
    assert "20 %" in row
    assert "no purchase in the RFM window" in row
    assert "0 &hellip; 7.5 &hellip; 15" in row
    assert row.count("<rect") == 16
    assert re.findall(r'x="(\d+)"', row) == [str(place) for place in range(16)]


def test_words_of_a_log_are_escaped(whole):
    assert WORD not in catalogue_page(whole)
    assert "2 different: &lt;b&gt;loyal|ty&lt;/b&gt; 60 %, lost 20 %" in catalogue_page(whole)
    assert "2 different: &lt;b&gt;loyal\\|ty&lt;/b&gt; 60 %, lost 20 %" in catalogue_text(whole)


def test_markdown_is_one_table_with_a_line_a_feature(whole):
    lines = [line for line in catalogue_text(whole).splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == CATALOGUE.names
    assert {line.replace("\\|", "").count("|") for line in lines} == {12}
    assert next(line for line in lines if line.startswith(f"| {VIEWS} ")).endswith(
        f"| 0 % | {sparkline([2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2])} 0 … 9.5 … 19 |"
    )


def test_bars_as_block_characters():
    assert sparkline([0, 1, 50, 100]) == "▁▂▅█"
    assert sparkline([5]) == SPARKS[-1]


def test_figures_as_people_read_them():
    assert (share(0.125), share(0.0), share(1.0), share(1 / 3)) == ("12.5 %", "0 %", "100 %", "33.3 %")
    assert (edge(1_234_567), edge(0.25), edge(dt.date(2024, 3, 1)), edge(dt.datetime(2024, 3, 1, 12))) == (
        "1,234,567",
        "0.25",
        "2024-03-01",
        "2024-03-01",
    )
