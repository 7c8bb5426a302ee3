from __future__ import annotations

from typing import Any

import polars as pl

from userprofile.report.page import template_of
from userprofile.report.tastes import Foretold, foretold, tags_section


def check(subject: str, measure: str = "precision", **changed: Any) -> dict[str, Any]:
    row = {"check": "tags", "subject": subject, "measure": measure, "value": 0.5, "low": 0.4, "high": 0.6}
    return {**row, "base_rate": 0.25, "passed": True, "expects": "buys nothing", **changed}


def test_the_greatest_lift_comes_first_and_what_is_below_anybody_is_marked() -> None:
    checks = pl.DataFrame(
        [
            check("left", value=0.2, low=0.1, high=0.22, passed=False),
            check("left", "recall"),
            check("lapsed"),
            check("few", value=0.3, low=None, high=None, passed=None),
            check("worse", value=0.2, low=0.1, high=0.3, passed=None),
            check("brand", check="affinity"),
            check("no base", base_rate=None),
        ],
        schema_overrides={"low": pl.Float64},
        infer_schema_length=None,
    )
    assert foretold(checks) == [
        Foretold("lapsed", "buys nothing", "50.0 % [40.0 %, 60.0 %]", "25.0 %", False, ""),
        Foretold("few", "buys nothing", "30.0 %", "25.0 %", False, "too few to be sure"),
        Foretold("left", "buys nothing", "20.0 % [10.0 %, 22.0 %]", "25.0 %", True, ""),
        Foretold("worse", "buys nothing", "20.0 % [10.0 %, 30.0 %]", "25.0 %", True, "too few to be sure"),
    ]


def test_the_section_shows_it_where_it_was_checked() -> None:
    tags = pl.DataFrame({"tag": ["lapsed"], "users": [3]})
    told = Foretold("<b>lapsed", "buys nothing", "50.0 %", "25.0 %", True, "too few to be sure")
    page = template_of("sections/tags.html")
    shown = page.render(values=tags_section(tags, 4, came_true=[told], checked="2026-01-01").values)
    assert "as of 2026-01-01" in shown
    assert '<th scope="row">&lt;b&gt;lapsed</th>' in shown
    assert 'class="state failed">below its base rate</span> <small>too few to be sure</small>' in shown
    assert "come true" not in page.render(values=tags_section(tags, 4).values)
