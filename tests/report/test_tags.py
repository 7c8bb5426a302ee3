from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from userprofile.report.tags import Checked, Page, given, tags_page
from userprofile.tags.definition import TagFile

BARE = {"theme": "status", "owner": "crm", "version": 3, "says": "what <b>it</b> says", "rule": "orders_all < 3"}
TAGS = [
    {**BARE, "name": "new", "expects": "buys", "valid_until": dt.date(2025, 1, 1)},
    {**BARE, "name": "rare"},
    {**BARE, "name": "fan of {brand}", "each": "brand", "theme": "taste", "rule": "lift > 2", "expects": "buys brand"},
    {**BARE, "name": "dear", "theme": "value", "expects": "spends above median"},
]
BELOW = Checked(precision=0.2, low=0.1, high=0.3, base_rate=0.25, lift=0.8, recall=0.4, f1=0.27, rows=60, passed=None)


@pytest.fixture
def told(tmp_path: Path):
    (tmp_path / "tags.yaml").write_text(yaml.safe_dump(TAGS))
    return given(
        TagFile.read("tags.yaml", tmp_path).tags,
        users=10,
        having={"new": 4, "fan of {brand}": 5, "dear": 2, "": 1},
        both={("new", "dear"): 2, ("dear", "new"): 2, ("new", "fan of {brand}"): 1, ("new", ""): 1},
        kept={"new": (4, 3)},
        checks={"dear": BELOW},
    )


@pytest.fixture
def page(told):
    return Page("shop", "tags.yaml", dt.date(2024, 5, 1), 10, 1, dt.date(2024, 4, 1), dt.date(2024, 4, 1), told)


def row_of(html: str, name: str) -> str:
    return next(row for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if f"<strong>{name}</strong>" in row)


def test_shares_overlaps_and_what_was_kept_are_those_of_the_counts(told):
    new, rare, fan, _ = told
    assert (new.share, rare.share, fan.share) == (0.4, 0.0, 0.5)
    assert new.overlap == ("dear", 2 / (4 + 2 - 2))  # beside 1 / (4 + 5 - 1) of the other
    assert (rare.overlap, fan.overlap) == (None, None)
    assert (new.kept, rare.kept) == (0.75, None)
    assert [one.checked for one in told] == [None, None, None, BELOW]


def test_a_row_tells_rule_owner_and_share(page):
    row = row_of(tags_page(page), "new")
    for words in (
        "crm, version 3, until 2025-01-01",
        "orders_all &lt; 3",
        "40 %",
        "kept by 75 %",
        "<em>dear</em>, 0.50",
    ):
        assert words in row
    assert "buys: not checked" in row


def test_a_tag_that_nobody_has_and_one_that_is_wrong_are_marked(page):
    html = tags_page(page)
    assert html.count("<mark>never fires</mark>") == 1
    assert "<mark>never fires</mark>" in row_of(html, "rare")
    assert html.count("<mark>no better than its base rate</mark>") == 1
    row = row_of(html, "dear")
    assert "<mark>no better than its base rate</mark> <small>too few to be sure</small>" in row
    assert "20 %" in row
    assert "(10 % to 30 %)" in row
    assert "found 40 % of all; F1 0.27" in row
    assert "foretells nothing that a log shows" in row_of(html, "rare")


def test_words_of_a_file_are_escaped_and_nothing_comes_from_elsewhere(page):
    html = tags_page(page)
    assert "<b>it</b>" not in html
    assert not re.search(r"(src|href)=\"(?!#)|https?://|<script|@import", html)
    assert html.count("<h2") == 3


def test_what_is_not_known_yet_is_said(page):
    html = tags_page(replace(page, before=None, checked_as_of=None, unknown=0))
    assert "no profiles of an earlier date" in html
    assert "make check_profiles" in html
    assert "that no tag of this file gives" not in html
