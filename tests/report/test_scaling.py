"""What is made of ranks' timings: the slowest decides, shares add up to one, and the page says what the figures say."""

from __future__ import annotations

import re

import pytest

from userprofile.report.scaling import Scale, scaling_page


def timing(rank: int, *, whole: float, waiting: float = 0.0) -> dict[str, float]:
    parts = {"reading": 0.5, "compute": 4.0, "waiting": waiting, "allreduce": 0.5}
    return {"rank": rank, "steps": 100, "rows": 12_000, "whole": whole, **parts}


ONE = Scale.of([timing(0, whole=4.0)])
TWO = Scale.of([timing(0, whole=5.0), timing(1, whole=4.8, waiting=5.0)])


def test_the_slowest_rank_decides():
    assert (ONE.throughput, ONE.milliseconds) == (3_000, 40)
    assert (TWO.throughput, TWO.milliseconds) == (4_800, 50)
    assert ONE.efficiency(ONE) == 1
    assert TWO.efficiency(ONE) == pytest.approx(0.8)


def test_shares_are_of_each_ranks_own_seconds():
    assert TWO.shares[0] == {"reading": 0.1, "compute": 0.8, "waiting": 0.0, "allreduce": 0.1}
    assert TWO.shares[1] == {"reading": 0.05, "compute": 0.4, "waiting": 0.5, "allreduce": 0.05}


def test_the_page_has_a_row_a_scale_and_a_bar_a_rank():
    page = scaling_page([ONE, TWO], source="a <shop>", rows=120)
    assert "a &lt;shop&gt;" in page
    assert re.findall(r"<td>(\d)</td><td>([\d,]+)</td><td>([\d.]+ %)</td>", page) == [
        ("1", "3,000", "100.0 %"),
        ("2", "4,800", "80.0 %"),
    ]
    widths = [
        re.findall(r'<rect width="([\d.]+)"', row)
        for row in re.findall(r"<svg[^>]*examples a second.*?</svg>", page, re.DOTALL)
    ]
    assert widths == [["50.00", "50.00"], ["100.00", "80.00"]]  # without loss, and as it is
    bars = [
        [(float(x), float(width)) for x, width in re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', row)]
        for row in re.findall(r"<svg[^>]*shares of rank.*?</svg>", page, re.DOTALL)
    ]
    assert bars == [
        [(0, 10), (10, 80), (90, 0), (90, 10)],
        [(0, 10), (10, 80), (90, 0), (90, 10)],
        [(0, 5), (5, 40), (45, 50), (95, 5)],
    ]
    assert "http" not in page
