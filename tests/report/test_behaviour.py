from __future__ import annotations

from typing import Any

import pytest

from userprofile.report.behaviour import Group, behaviour_section


def segment(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "segment": number,
        "users": 30,
        "share": 0.25,
        "features": [
            {"name": "orders_90d", "mean": 9.0, "mean_of_all": 3.0, "difference": 1.5},
            {"name": "tenure_days", "mean": 101.0, "mean_of_all": 100.0, "difference": 0.1},
        ],
        "categories": [{"name": "Food / Tea", "score": 2.345}],
        "prediction_strength": 0.912,
        "kept": None,
        **changed,
    }


def phrase(name: str, value: float) -> str:
    return f"{name} is {value:g}"


def test_what_differs_by_little_is_no_mark() -> None:
    section = behaviour_section([segment(1), segment(2)], phrase)
    expected = Group(1, 30, "25.0 %", [("orders_90d is 9", "orders_90d is 3")], ["Food / Tea (2.3 times as much)"])
    assert section.values["groups"][0] == expected


@pytest.mark.parametrize(
    ("segments", "says"),
    [
        ([segment(1), segment(2)], "prediction strength 0.91)."),
        ([segment(1, kept=0.9), segment(2, kept=0.9)], "90.0 % of users are in the segment they were in before."),
        ([segment(1, prediction_strength=None)], "so all users are one."),
    ],
)
def test_it_says_how_sure_the_segments_are(segments: list[dict[str, Any]], says: str) -> None:
    assert str(behaviour_section(segments, phrase).values["says"]).endswith(says)
