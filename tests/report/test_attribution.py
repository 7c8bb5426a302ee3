from __future__ import annotations

import re
from dataclasses import replace

import pytest

from userprofile.report.attribution import Attributed, attribution_page


@pytest.fixture
def attributed() -> Attributed:
    return Attributed(
        source="my_shop",
        user="0a1b",
        as_of="2026-01-01",
        score="churn",
        model="network",
        method="integrated gradients",
        parts=[
            {"text": "last purchase 62 days ago", "part": 1.5, "share": 0.75, "direction": "raises"},
            {"text": "<script>alert(1)</script> bought", "part": -0.5, "share": 0.25, "direction": "lowers"},
        ],
        gap=0.0004,
        channels=["item", "age"],
        heat=[[0.1, -0.2], [0.0, 0.4]],
        events=["view Tea, 9 days ago", "purchase <b>Tea</b>, 2 days ago"],
    )


def test_the_page_has_every_part_and_every_cell_as_numbers(attributed: Attributed) -> None:
    page = attribution_page(attributed)
    assert page.count("<svg") == 2
    for text in ("last purchase 62 days ago", "+1.5000", "75.0 %", "-0.5000", "view Tea, 9 days ago", "-0.2000"):
        assert text in page
    assert "0.0 % of their magnitudes" in page


def test_names_are_escaped(attributed: Attributed) -> None:
    page = attribution_page(replace(attributed, user='"><b>'))
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<code>&#34;&gt;&lt;b&gt;</code>" in page
    assert "&lt;script&gt;" in page


def test_what_raises_lies_to_the_right_in_its_own_colour(attributed: Attributed) -> None:
    page = attribution_page(replace(attributed, heat=[]))
    assert page.count("<svg") == 1
    raises, lowers = re.findall(r'<path d="M ([\d. LMz\n]+)" [^>]*style="fill: var\(--series-[61]\)', page)[:2]
    assert max(map(float, re.findall(r"[\d.]+", raises)[::2])) > max(map(float, re.findall(r"[\d.]+", lowers)[::2]))


def test_a_method_without_a_sum_says_so(attributed: Attributed) -> None:
    assert "does not claim that its parts add up" in attribution_page(replace(attributed, gap=None, method="lime"))
