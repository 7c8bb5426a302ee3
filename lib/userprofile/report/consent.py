"""What of a profile may be shown, by the purposes that its user has granted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class Purpose(StrEnum):
    """What a user may grant. What happened is shown without: whoever serves a customer needs the facts."""

    PROFILING = "profiling"  # scores, segment, tags, what was declared
    PERSONALISATION = "personalisation"  # interests and recommendations
    MARKETING = "marketing"  # what is due, which a campaign would offer


COVERS: Mapping[Purpose, str] = {
    Purpose.PROFILING: "scores, segment, tags, what changed, what was declared, and how the model sees the history",
    Purpose.PERSONALISATION: "interests, wishes and recommendations",
    Purpose.MARKETING: "what is due again",
}


def granted(consent: Collection[str]) -> frozenset[Purpose]:
    """Purposes of other names grant nothing here."""
    return frozenset(purpose for purpose in Purpose if purpose in consent)


def withheld(purpose: Purpose) -> str:
    """What stands in the place of a part that may not be shown."""
    return f"Withheld: this user has not consented to {purpose}."
