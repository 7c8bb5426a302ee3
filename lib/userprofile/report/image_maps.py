"""Pictures of items, and where in them lies what a user has met, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from userprofile.report.page import template_of

_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "centre", "right")


@dataclass(frozen=True)
class ImageMap:
    """`picture` is base64 of a JPEG; `places` [rows, columns], first row on top, are above 0 where it is like what the
    user has met. `likeness` is their mean.
    """

    title: str
    why: str
    picture: str
    places: Sequence[Sequence[float]]
    likeness: float

    def strongest(self) -> str:
        """Where the largest number lies, in words."""
        rows = len(self.places)
        row, column = max(
            ((row, column) for row in range(rows) for column in range(len(self.places[row]))),
            key=lambda place: self.places[place[0]][place[1]],
        )
        if self.places[row][column] <= 0:
            return "nowhere"
        return f"{_ROWS[3 * row // rows]} {_COLUMNS[3 * column // len(self.places[0])]}"


def image_maps_page(maps: Sequence[ImageMap], *, user: str, source: str, as_of: str) -> str:
    """HTML with everything inside it; the brightest place has the largest number of all pictures."""
    largest = max((value for one in maps for row in one.places for value in row), default=0.0)
    return template_of("image_maps.html").render(
        maps=maps, user=user, source=source, as_of=as_of, largest=max(largest, 1e-12)
    )
