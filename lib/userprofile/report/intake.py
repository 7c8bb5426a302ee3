"""What came in, what was refused and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from userprofile.report.plots import bars
from userprofile.report.section import Section
from userprofile.report.words import words

NAME, TITLE = "intake", "What came in"


def intake_section(
    counts: Mapping[str, int], reasons: Mapping[str, int], files: Sequence[Mapping[str, Any]]
) -> Section:
    """`counts` are events, in = accepted + duplicate + quarantined; `reasons` count the quarantined.

    `files` have a name and rows.
    """
    plot = None
    if reasons:
        named = {words(reason): rows for reason, rows in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))}
        plot = bars("reasons", "Quarantined rows by reason", named, unit="Rows")
    return Section(NAME, TITLE, {"counts": counts, "reasons": plot, "files": files})
