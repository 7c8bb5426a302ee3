"""All that an audit found, as data and as a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from userprofile.audit.drift import LARGE, NOTICEABLE, Drift
from userprofile.audit.later_events import Change
from userprofile.audit.recompute import Difference
from userprofile.audit.signals import Signal


@dataclass(frozen=True)
class Findings:
    """Of one version of gold.training_examples. Users are pseudonyms."""

    source: str
    as_of: date  # the date whose training set it is
    version: int
    pairs: int  # (user, as-of date) looked at one by one
    left_out: int  # pairs of users with too many events for that
    columns: tuple[str, ...]  # all that later events were added for: features and sequences
    covered: tuple[str, ...]  # features also recomputed from raw rows
    differences: Sequence[Difference]
    changes: Sequence[Change]
    signals: Sequence[Signal]
    drifts: Sequence[Drift]
    unscored: str = ""  # why nothing is said of the scored population

    @property
    def leaking(self) -> list[str]:
        """What must not be trained on, in the order of the columns."""
        found = {difference.feature for difference in self.differences} | {change.feature for change in self.changes}
        return [name for name in self.columns if name in found]

    @property
    def too_good(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.too_good]

    @property
    def drifted(self) -> list[list[Drift]]:
        """By feature, where it moved more than chance explains, the largest index first; the farthest feature first."""
        moved: dict[str, list[Drift]] = {}
        for drift in sorted(self.drifts, key=lambda drift: -drift.index):
            if drift.strength:
                moved.setdefault(drift.feature, []).append(drift)
        return list(moved.values())

    def to_json(self) -> str:
        drifts = [{**asdict(drift), "strength": drift.strength} for drift in self.drifts]
        return json.dumps({"leaking": self.leaking, **asdict(self), "drifts": drifts}, indent=1, default=str)

    def to_markdown(self) -> str:
        return "\n".join([*self._verdict(), *self._leaks(), *self._warnings(), *self._coverage(), *self._signals()])

    def _verdict(self) -> Iterable[str]:
        leaking = self.leaking
        yield f"# Feature audit of {self.source}\n"
        yield f"gold.training_examples version {self.version}, as of {self.as_of}.\n"
        yield (
            f"**{len(leaking)} of {len(self.columns)} columns leak.** {self.pairs:,} pairs of user and as-of date were "
            f"looked at; {self.left_out:,} more were left out, whose users have too many events.\n"
        )

    def _leaks(self) -> Iterable[str]:
        yield "## Leaks\n\nThese decide the exit code.\n"
        yield "Stored values that raw rows before the as-of date do not give:\n"
        yield from _table(
            ("feature", "pairs", "for instance user", "as of", "stored", "recomputed"),
            (
                (one.feature, one.pairs, one.user_id, one.as_of_date, one.stored, one.recomputed)
                for one in self.differences
            ),
        )
        yield "Columns that events after the as-of date change:\n"
        yield from _table(
            ("column", "changed by", "pairs"), ((one.feature, one.added, one.pairs) for one in self.changes)
        )

    def _warnings(self) -> Iterable[str]:
        yield "## Warnings\n\nFeatures that by themselves tell nearly all of the label; has it been seen?\n"
        yield from _table(("feature", "AUC"), ((one.feature, one.auc) for one in self.too_good))
        yield (
            f"Features whose distribution moved: population stability index from {NOTICEABLE} noticeable, from {LARGE} "
            "large (Siddiqi, 2006), and above what chance makes of samples of that size.\n"
        )
        yield from _table(
            ("feature", "largest index", "from", "to", "by chance", "strength", "times"),
            (
                (one.feature, one.index, one.earlier, one.later, one.by_chance, one.strength, len(moved))
                for moved in self.drifted
                for one in moved[:1]
            ),
        )
        if self.unscored:
            yield f"Training was not compared with the scored population: {self.unscored}.\n"

    def _coverage(self) -> Iterable[str]:
        others = [name for name in self.columns if name not in set(self.covered)]
        yield f"## Coverage\n\nRecomputed from raw rows, and tried with later events: {len(self.covered)} columns.\n"
        yield f"{', '.join(self.covered) or 'none'}\n"
        yield f"Only tried with later events: {len(others)} columns.\n"
        yield f"{', '.join(others) or 'none'}\n"

    def _signals(self) -> Iterable[str]:
        yield "## Each number against label_purchase\n"
        yield "Mutual information in nats; one that does not exceed that of a shuffled label is no more than noise.\n"
        ordered = sorted(self.signals, key=lambda signal: -signal.information)
        yield from _table(
            ("feature", "AUC", "information", "of noise"),
            ((one.feature, one.auc, one.information, one.information_of_noise) for one in ordered),
        )


def _table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterable[str]:
    body = [f"| {' | '.join(_shown(value) for value in row)} |" for row in rows]
    if not body:
        return ["none\n"]
    return [f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}", *body, ""]


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")
