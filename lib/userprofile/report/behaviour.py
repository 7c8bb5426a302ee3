"""Users who behave alike: how many, what sets them apart, what they like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from userprofile.report.plots import bars
from userprofile.report.section import Section
from userprofile.report.words import percent

NAME, TITLE = "segments", "Users who behave alike"
FEATURES_SHOWN, CATEGORIES_SHOWN = 4, 3
_LEAST_DIFFERENCE = 0.2  # standard deviations: what differs by less is no mark

Phrase = Callable[[str, float], str]  # of a feature and its value


@dataclass(frozen=True)
class Group:
    """A segment in words. `marks` are what sets it apart, with what is so among all users, strongest first."""

    number: int
    users: int
    share: str
    marks: list[tuple[str, str]]
    likes: list[str]


def behaviour_section(segments: Sequence[Mapping[str, Any]], phrase: Phrase) -> Section:
    """Of rows of gold.segments of one date and model."""
    groups = [_group(segment, phrase) for segment in segments]
    sizes = {f"Segment {group.number}": float(group.users) for group in groups}
    plot = bars("behaviour", "Users by segment", sizes, unit="Users")
    return Section(NAME, TITLE, {"groups": groups, "plots": [plot], "says": _says(segments[0], len(groups))})


def _group(segment: Mapping[str, Any], phrase: Phrase) -> Group:
    marks = [
        (phrase(one["name"], one["mean"]), phrase(one["name"], one["mean_of_all"]))
        for one in segment["features"]
        if abs(one["difference"]) >= _LEAST_DIFFERENCE
    ]
    likes = [f"{one['name']} ({one['score']:.1f} times as much)" for one in segment["categories"][:CATEGORIES_SHOWN]]
    return Group(segment["segment"], segment["users"], percent(segment["share"]), marks[:FEATURES_SHOWN], likes)


def _says(segment: Mapping[str, Any], groups: int) -> str:
    strength, kept = segment["prediction_strength"], segment["kept"]
    if groups == 1:
        return "No number of segments is found alike by both halves of the users, so all users are one."
    said = "Clusters of embeddings: as many as one half of the users foretells of the other"
    said = f"{said} (prediction strength {strength:.2f})."
    return said if kept is None else f"{said} {percent(kept)} of users are in the segment they were in before."
