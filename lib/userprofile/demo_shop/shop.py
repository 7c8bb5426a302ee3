"""The parameters of a demo shop, and what its making came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zlib import crc32

import numpy as np

from userprofile.demo_shop.taxonomy import LEAVES
from userprofile.errors import UsageError

DAY = 86_400_000_000  # microseconds
SECOND = 1_000_000

_SHARES = ("duplicate_rate", "late_rate", "malformed_rate", "bot_share", "fraud_share", "dispute_share")
_LEAST = {"users": 1, "days": 1, "items": len(LEAVES), "seed": 0}


@dataclass(frozen=True)
class Shop:
    """What to generate. Rates are shares of the clean events, shares are of the users; both in [0, 1).

    Raises UsageError for a value that no shop can have.
    """

    users: int
    days: int
    seed: int
    items: int = 2_000
    start: date = date(2024, 1, 1)
    duplicate_rate: float = 0.0
    late_rate: float = 0.0
    malformed_rate: float = 0.0
    bot_share: float = 0.005
    fraud_share: float = 0.01
    dispute_share: float = 0.0  # who dispute what they bought; above 0 anybody may, once in a while

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise _impossible(name, f"a whole number from {least} up", getattr(self, name))
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise _impossible(name, "a share of at least 0 and below 1", getattr(self, name))
        if self.bot_share + self.fraud_share >= 1:
            received = self.bot_share + self.fraud_share
            raise _impossible("bot_share + fraud_share", "below 1, so that some users are neither", received)

    @property
    def opens(self) -> int:
        """Midnight UTC of `start`, in microseconds since 1970."""
        return int(datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC).timestamp()) * SECOND

    @property
    def closes(self) -> int:
        """The end of the log, itself not in it, in microseconds since 1970."""
        return self.opens + self.days * DAY

    def stream(self, name: str) -> np.random.Generator:
        """Random numbers of one stage; stages are independent, so that dirt, for one, changes nothing but the dirt."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, crc32(name.encode())])))


def _impossible(name: str, expected: str, received: object) -> UsageError:
    return UsageError(
        f"the demo shop cannot have this {name}",
        expected=expected,
        received=str(received),
        fix=f"give another {name}",
    )


@dataclass(frozen=True)
class Generated:
    """Counts of what was written; rows = events + duplicates + malformed, and late rows are among the events."""

    users: int
    items: int
    events: int
    duplicates: int
    late: int
    malformed: int
    chargebacks: int = 0
    per_action: dict[str, int] = field(default_factory=dict)  # but of chargebacks

    @property
    def rows(self) -> int:
        """Lines of events.csv below its header."""
        return self.events + self.duplicates + self.malformed
