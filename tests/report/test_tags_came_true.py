from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from userprofile.report.page import template_of
from userprofile.report.tastes import CameTrue, Foretold, foretold, tags_section
from userprofile.tags.definition import Tag


def rows(subject: str, *, precision: float = 0.5, low: float | None = 0.4, **changed: Any) -> list[dict[str, Any]]:
    """Those of one tag in ops.checks."""
    row = {"check": "tags", "subject": subject, "as_of_date": date(2026, 1, 1), "base_rate": 0.25, "passed": True}
    row |= {"expects": "buys nothing", **changed}
    others = {"recall": 0.3, "f1": 0.375, "lift": precision / 0.25}
    ends = {"low": low, "high": low and low + 0.2}
    return [
        {**row, "measure": "precision", "value": precision, **ends},
        *({**row, "measure": name, "value": value, "low": None, "high": None} for name, value in others.items()),
    ]


def frame(*several: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([row for one in several for row in one], infer_schema_length=None)


def test_the_greatest_lift_comes_first_and_what_is_below_anybody_is_marked() -> None:
    checks = frame(
        rows("left", precision=0.2, low=0.02, passed=False),
        rows("lapsed"),
        rows("brand_affinity", check="affinity", precision=1.0, low=None, expects="buys in it"),
        rows("few", precision=0.3, low=None, passed=None),
        rows("worse", precision=0.1, low=0.08, passed=None),
    )
    assert foretold(checks) == [
        Foretold("lapsed", "buys nothing", "50.0 % [40.0 %, 60.0 %]", "25.0 %", "30.0 %", "0.38", "2.00", False, ""),
        Foretold("few", "buys nothing", "30.0 %", "25.0 %", "30.0 %", "0.38", "1.20", False, "too few to be sure"),
        Foretold("left", "buys nothing", "20.0 % [2.0 %, 22.0 %]", "25.0 %", "30.0 %", "0.38", "0.80", True, ""),
        Foretold(
            "worse", "buys nothing", "10.0 % [8.0 %, 28.0 %]", "25.0 %", "30.0 %", "0.38", "0.40", True,
            "too few to be sure",
        ),
        Foretold("strongest brand", "buys in it", "100.0 %", "25.0 %", "30.0 %", "0.38", "4.00", False, ""),
    ]  # fmt: skip


def test_the_section_shows_it_where_it_was_checked_and_why_the_rest_was_not() -> None:
    counts = pl.DataFrame({"tag": ["lapsed"], "users": [3]})
    bare = {"theme": "a", "owner": "crm", "version": 1, "says": "s", "rule": "true"}
    tags = [Tag(name="<b>lapsed", expects="buys", **bare), Tag(name="<i>", **bare)]
    tags.append(Tag(name="gone", expects="buys nothing", **bare))
    said = (rows("<b>lapsed", precision=0.2, passed=None), rows("few", passed=None), rows("many"))
    told = CameTrue.of(frame(*said), tags)
    page = template_of("sections/tags.html")
    shown = page.render(values=tags_section(counts, 4, came_true=told).values)
    assert "as of 2026-01-01" in shown
    assert '<th scope="row">&lt;b&gt;lapsed</th>' in shown
    assert 'class="state failed">no better than its base rate</span> <small>too few to be sure</small>' in shown
    assert 'class="state">more often</span> <small>too few to be sure</small>' in shown
    assert 'class="state done">more often</span></td>' in shown
    assert "foretell nothing that a log shows: &lt;i&gt;." in shown
    assert "came to nobody: gone." in shown
    bare = page.render(values=tags_section(counts, 4).values)
    assert "come true" not in bare
    assert "make check_profiles" in bare
    assert "make check_profiles" not in shown
    assert "<a href" not in bare
