"""Expectations of a table against numbers measured."""

from __future__ import annotations

import pytest

from userprofile.audit.drift import Drift
from userprofile.audit.limits import ColumnExpectation, TableExpectation, drift_findings, findings

SCORE = ColumnExpectation(nulls=0.1, least=0, most=1, drift=0.5)
EXPECTED = TableExpectation(rows=1, fewer=0.5, more=0.5, unique=True, columns={"score": SCORE})
GOOD = {"rows": 100, "keys": 100, "earlier": [90, 110, 100]}
COLUMN = {"nulls": 10, "least": 0.0, "most": 1.0}


def broken(*, column: dict | None = None, **other) -> list[str]:
    found = findings(EXPECTED, **GOOD | other, columns={"score": COLUMN | (column or {})})
    return [f"{one.subject} {one.measure}" for one in found if not one.passed]


def test_what_lies_on_its_limit_is_as_expected():
    assert broken() == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rows": 0, "keys": 0, "earlier": []}, ["rows rows"]),
        ({"keys": 99}, ["rows doubled"]),
        ({"earlier": [201]}, ["rows fewer"]),
        ({"earlier": [66]}, ["rows more"]),
        ({"column": {"nulls": 11}}, ["score nulls"]),
        ({"column": {"least": -0.1}}, ["score least"]),
        ({"column": {"most": 1.1}}, ["score most"]),
    ],
)
def test_what_lies_beyond_is_told(wrong, told):
    assert broken(**wrong) == told


def test_a_column_of_nulls_has_no_range_and_a_first_date_no_usual_rows():
    assert broken(earlier=[], column={"least": None, "most": None}) == []


def test_one_odd_date_does_not_move_the_usual_number():
    assert broken(earlier=[100, 100, 100, 1, 100]) == []


def test_drift_counts_beyond_its_limit_and_beyond_chance():
    moved = [
        Drift("score", "before", "now", index, by_chance) for index, by_chance in ((0.6, 0.1), (0.6, 0.7), (0.4, 0.1))
    ]
    assert [one.passed for one in drift_findings(EXPECTED, moved)] == [False, True, True]
