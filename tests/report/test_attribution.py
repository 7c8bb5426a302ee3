from __future__ import annotations

import re
from dataclasses import replace

import pytest

from userprofile.report.attention import Looked
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
        looked=Looked("gru", "rule", {}),
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


def test_attention_is_shown_beside_the_parts_with_its_numbers(attributed: Attributed) -> None:
    paid = {"layer 1, head 1": [0.25, 0.75], "interest vector": [0.875, 0.125]}
    page = attribution_page(replace(attributed, looked=Looked("transformer", "attention", paid)))
    assert page.count("<svg") == 3
    shown = page.partition('aria-label="Numbers of What attention pays to each event"')[2].partition("</table>")[0]
    assert re.findall(r">([^<]+)</th>", shown) == ["Event", *paid]
    assert re.findall(r"[+]0[.]\d{4}", shown) == ["+0.2500", "+0.8750", "+0.7500", "+0.1250"]
    assert page.count("softmax weights, so a row adds up to 1") == 2
    assert "Attention is not explanation" in page


def test_a_network_without_attention_says_so_and_whose_the_score_is(attributed: Attributed) -> None:
    page = attribution_page(replace(attributed, model="lightgbm"))
    assert page.count("<svg") == 2
    assert "is a GRU: it has no attention" in page
    assert "weighs events by rule, not by attention" in page
    assert "The score is served by lightgbm, which does not go by this" in page
    assert "which does not go by this" not in attribution_page(attributed)


def test_weights_that_add_up_to_nothing_are_told_so(attributed: Attributed) -> None:
    page = attribution_page(replace(attributed, looked=Looked("hstu", "rule", {"layer 1, head 1": [-0.01, 0.5]})))
    assert "HSTU encoder" in page
    assert "pointwise weights, which add up to nothing in particular" in page
    assert "adds up to 1" not in page
    assert "-0.0100" in page


def test_a_network_with_attention_and_nothing_to_look_at_has_no_heat_map(attributed: Attributed) -> None:
    page = attribution_page(replace(attributed, heat=[], events=[], looked=Looked("transformer", "rule", {})))
    assert page.count("<svg") == 1
    assert "has no attention" not in page
